"""Finds and hides keys in text, before text leaves the program.

One place knows what a key looks like. `redact` is for messages (hide and go on), `find` for files
(refuse to write). Values that are known to be keys are handed in by the caller, so a key of an
unknown shape is caught as well, also in base64 and URL encoding.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

MASK = "[redacted]"
_SHORTEST_KNOWN = 8
"""Known values below this length would blot out ordinary words."""

_START = "(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
"""A key does not begin inside a word, but it may follow a URL-encoded character."""
_SHAPES = {
    "an OpenAI key": r"sk-[A-Za-z0-9_-]{20,}",
    "an xAI key": r"xai-[A-Za-z0-9_-]{20,}",
    "a Google API key": r"AIza[0-9A-Za-z_-]{35}",
    "a Gemini API key": r"AQ\.[A-Za-z0-9_-]{20,}",
    "a Google access token": r"ya29\.[A-Za-z0-9_-]{20,}",
    "a bearer token": r"[Bb][Ee][Aa][Rr][Ee][Rr](?:\s|%20|\+)+[A-Za-z0-9._~+/=-]{16,}",
}
_ANY_SHAPE = re.compile(f"{_START}(?:{'|'.join(_SHAPES.values())})")


def redact(text: str, known: Iterable[str] = (), *, limit: int = 600) -> str:
    """`text` with every key masked and cut to `limit` characters, safe to show or store."""
    for form in _forms(tuple(known)):
        text = text.replace(form, MASK)
    text = _ANY_SHAPE.sub(MASK, text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def scrub(data: bytes, known: Iterable[str]) -> bytes:
    """`data`, such as an answer that has just arrived, with every known value masked."""
    for form in _forms(tuple(known)):
        data = data.replace(form.encode(), MASK.encode())
    return data


def find(text: str, known: Iterable[str] = ()) -> str | None:
    """What kind of key `text` holds (never the key itself), or None."""
    if any(form in text for form in _forms(tuple(known))):
        return "a key that is in use here"
    if _ANY_SHAPE.search(text):
        return next(name for name, shape in _SHAPES.items() if re.search(_START + shape, text))
    return None


@lru_cache(maxsize=8)
def _forms(known: tuple[str, ...]) -> tuple[str, ...]:
    """Every way the known values may stand in a text, longest first."""
    forms = {form for secret in known if len(secret) >= _SHORTEST_KNOWN for form in _encodings(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


def _encodings(secret: str) -> set[str]:
    """The secret as it stands, in JSON, URL-encoded, and inside base64 at each of its alignments."""
    raw = secret.encode(errors="surrogatepass")
    forms = {secret, json.dumps(secret)[1:-1], quote(raw), quote(raw, safe="")}
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The first and last characters mix in neighbouring bytes; the middle is the secret's alone.
        middle = encoded[4 if shift else 0 : -1 if len(encoded) % 4 else None]
        forms |= {middle, middle.translate(str.maketrans("+/", "-_"))}
    return forms
