"""Finds and hides keys in text, and disarms it, before text leaves the program.

One place knows what a key looks like. `redact` is for messages (hide and go on), `find` for files
(refuse to write), `likely` for what others have written (report). Values that are known to be keys are
handed in by the caller, so a key of an unknown shape is caught as well, also in base64 and URL encoding.
"""

from __future__ import annotations

import json
import re
import string
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from imagegen_nb.core.words import shortened

MASK = "[redacted]"
_IN_USE = "a key that is in use here"
_SHORTEST_KNOWN = 8
"""Known values below this length would blot out ordinary words."""

_START = "(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
"""A key does not begin inside a word, but it may follow a URL-encoded character."""
_SIGNATURE = "the signature of an address"
"""Of S3, Google Cloud Storage or Azure: until it expires, whoever has it can read what it is for."""
_SHAPES = {
    "an OpenAI key": r"sk-[A-Za-z0-9_-]{20,}",
    "an xAI key": r"xai-[A-Za-z0-9_-]{20,}",
    "a Google API key": r"AIza[0-9A-Za-z_-]{35}",
    "a Gemini API key": r"AQ\.[A-Za-z0-9_-]{20,}",
    "a Google access token": r"ya29\.[A-Za-z0-9_-]{20,}",
    _SIGNATURE: r"(?:X-(?:Amz|Goog)-Signature=[0-9a-f]{64,1024}|sig=[A-Za-z0-9%+/]{40,}(?:%3[Dd]|=))",
    "a bearer token": r"[Bb][Ee][Aa][Rr][Ee][Rr](?:\s|%20|\+)+[A-Za-z0-9._~+/=-]{16,}",
}
_FIRST = "(?=[ABXyxbs])"
"""The letters keys begin with, looked at before all else: several times faster in large texts."""
_ANY_SHAPE = re.compile(f"{_FIRST}{_START}(?:{'|'.join(f'({shape})' for shape in _SHAPES.values())})")

_LARGE = 4_096
"""Characters; a smaller text is searched by the expression alone."""
_LITERALS = (b"sk-", b"xai-", b"AIza", b"AQ.", b"ya29.", b"X-Amz-", b"X-Goog-", b"sig=")
_BEARER = b"bearer"
"""One of these, the last in any case, stands at the beginning of each shape."""

_LONGEST = 300
"""No provider's key has more characters; base64 of a picture has, and by chance looks like one."""
_LONG_PART = 16
"""Characters; what follows as many that make no word, without a space, is the middle of a random token."""
_KEYS_ALPHABET = string.ascii_letters + string.digits + "_-"
_PLAIN_PART = re.compile(r"[A-Z]?[a-z]{0,14}[0-9]{0,4}|[A-Z]{1,15}[0-9]{0,4}")
"""A word, an abbreviation or a number: what `xai-explainable-ai-methods-2026` is made of, and no key is."""
_REPEATED = re.compile(r"([A-Za-z0-9])\1{7}")
"""As in `sk-xxxxxxxxxxxxxxxxxxxx`."""


_KEYS_NAME = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|key|token|secret|password|credentials?|authorization|bearer)", re.IGNORECASE
)
"""What a key is called, whatever its shape."""


CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that command a terminal, or turn the text around them: all but tabs and line ends."""


def visible(text: str) -> str:
    """`text` with every control character written out (`\\x1b`), so that showing it only ever shows it."""
    return CONTROL_CHARACTERS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def redact(text: str, known: Iterable[str] = (), *, limit: int = 600) -> str:
    """`text` with every key masked, disarmed and cut to `limit` characters, safe to show or store."""
    return shortened(visible(mask(text, known)), limit)


def mask(text: str, known: Iterable[str] = ()) -> str:
    """`text` as it is but for every key, which is masked: for what is kept and later used again."""
    for form in _forms(tuple(known)):
        text = text.replace(form, MASK)
    return _ANY_SHAPE.sub(MASK, text)


def storable(text: str, known: Iterable[str] = ()) -> str:
    """`text` masked, and without what no database and no file can encode."""
    return mask(text, known).encode("utf-8", "replace").decode("utf-8")


def without_keys(value: Any, known: Iterable[str]) -> Any:
    """Plain data with every text in it made storable; its depth is bounded where it was made plain."""
    known = tuple(known)
    if isinstance(value, str):
        return storable(value, known)
    if isinstance(value, Mapping):
        return {storable(str(name), known): without_keys(item, known) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_keys(item, known) for item in value]
    return value


def scrub(data: bytes, known: Iterable[str]) -> bytes:
    """`data`, such as an answer that has just arrived, with every known value masked."""
    for form in _forms(tuple(known)):
        data = data.replace(form.encode(), MASK.encode())
    return data


def is_keys_name(name: str) -> bool:
    """Whether what somebody calls by `name` is a key, such as `api_key`: it is never shown."""
    return _KEYS_NAME.fullmatch(name) is not None


def find(text: str, known: Iterable[str] = ()) -> str | None:
    """What kind of key `text` holds (never the key itself), or None."""
    if any(form in text for form in _forms(tuple(known))):
        return _IN_USE
    match = _first_shape(text)
    return _kind(match) if match else None


def likely(text: str, known: Iterable[str] = ()) -> Iterator[tuple[int, str]]:
    """Where in `text` a key begins and what kind it is: all but words and placeholders in a key's shape."""
    for form in _forms(tuple(known)):
        yield from ((match.start(), _IN_USE) for match in re.finditer(re.escape(form), text))
    for match in _ANY_SHAPE.finditer(text):
        before = text[max(0, match.start() - _LONGEST) : match.start()]
        after = text[match.end() : match.end() + _LONGEST]
        secret = (match[0] + after[: len(after) - len(after.lstrip(_KEYS_ALPHABET))]).rstrip("-_")
        inside = any(
            len(part) >= _LONG_PART for part in _odd_parts(before[len(before.rstrip(_KEYS_ALPHABET)) :])
        )
        is_bounded = len(secret) <= _LONGEST or _kind(match) == _SIGNATURE
        if is_bounded and not _REPEATED.search(secret) and _odd_parts(secret) and not inside:
            yield match.start(), _kind(match)


def typed_key(text: str) -> str | None:
    """What kind of key somebody has typed or pasted into `text`, which is to be sent, or None.

    A signed address is none: who asks for one means it to be read by others, for a while.
    """
    return next((kind for _, kind in likely(text) if kind != _SIGNATURE), None)


def _first_shape(text: str) -> re.Match[str] | None:
    """As `_ANY_SHAPE.search`, but looking only where a shape's literal beginning stands.

    The expression looks at each character, and a picture has millions.
    """
    try:
        data = text.encode("latin-1") if len(text) >= _LARGE else None
    except UnicodeEncodeError:
        data = None
    if data is None:
        return _ANY_SHAPE.search(text)
    where = [(data, literal) for literal in _LITERALS] + [(data.lower(), _BEARER)]
    found = (_first_shape_at(text, places, literal) for places, literal in where)
    return min(filter(None, found), key=lambda match: match.start(), default=None)


def _first_shape_at(text: str, data: bytes, literal: bytes) -> re.Match[str] | None:
    """The first shape in `text` that begins where `literal` stands in `data`."""
    start = data.find(literal)
    while start >= 0:
        if match := _ANY_SHAPE.match(text, start):
            return match
        start = data.find(literal, start + 1)
    return None


def _odd_parts(text: str) -> list[str]:
    return [part for part in re.split("[^A-Za-z0-9]+", text) if not _PLAIN_PART.fullmatch(part)]


def _kind(match: re.Match[str]) -> str:
    return tuple(_SHAPES)[(match.lastindex or 1) - 1]


@lru_cache(maxsize=8)
def _forms(known: tuple[str, ...]) -> tuple[str, ...]:
    """Every form in which the known values may appear in a text, longest first."""
    forms = {form for secret in known if len(secret) >= _SHORTEST_KNOWN for form in _encodings(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


def _encodings(secret: str) -> set[str]:
    """The secret as it is, in JSON, URL-encoded, and inside base64 at each of its alignments."""
    raw = secret.encode(errors="surrogatepass")
    forms = {secret, json.dumps(secret)[1:-1], quote(raw), quote(raw, safe="")}
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The first and last characters mix in neighbouring bytes; the middle is the secret's alone.
        middle = encoded[4 if shift else 0 : -1 if len(encoded) % 4 else None]
        forms |= {middle, middle.translate(str.maketrans("+/", "-_"))}
    return forms
