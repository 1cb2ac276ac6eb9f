"""What of a call may be written down: an allow-list for headers, and a search for keys in the rest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pybase64

from imagegen_nb import redaction
from imagegen_nb.replay.blobs import stow
from imagegen_nb.replay.recording import Recording, Side

_ANSWERED = ("content-type", "retry-after", "retry-after-ms")
_REQUEST_ID = "x-request-id"
_HIDING_PLACE = re.compile(r"[A-Za-z0-9+/_-]{24,2047}={0,2}")


def address(url: str) -> str:
    """`url` without the query parameter Google takes a key in."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "key"]
    return urlunsplit(parts._replace(query=urlencode(query)))


def answered(headers: Mapping[str, str], recorded_as: str) -> dict[str, str]:
    """The answer's headers that are kept: only those our own code reads.

    The provider's id of the request becomes one made from the request itself, the same in every recording.
    """
    kept = {name: headers[name] for name in _ANSWERED if name in headers}
    if _REQUEST_ID in headers:
        kept[_REQUEST_ID] = f"recorded-{hashlib.sha256(recorded_as.encode()).hexdigest()[:12]}"
    return kept


def key_in(recording: Recording, known: Iterable[str]) -> str | None:
    """Where `recording` holds a key, and what kind it is, never the key; None when it is clean."""
    keys = tuple(known)
    for place, text in _texts(recording):
        if kind := _found(text, keys):
            return f"{place} holds {kind}"
    return None


def _texts(recording: Recording) -> Iterator[tuple[str, str]]:
    yield "the request's address", recording.url
    for name, value in recording.headers.items():
        yield f"the answer's header {name}", value
    sides: tuple[tuple[Side, bytes], ...] = (("request", recording.request), ("answer", recording.answer))
    for side, body in sides:
        text, blobs = stow(body)
        for place, value in _strings(text):
            yield f"the {side}'s body{place and f', field `{place}`,'}", value
        yield f"the {side}'s body", text
        for name, data in blobs.items():
            yield f"the {side}'s image {name}", data.decode("latin-1")


def _strings(text: str) -> Iterator[tuple[str, str]]:
    """Every string of a JSON body with the path to it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            waiting += [(f"{path}.{name}" if path else name, item) for name, item in value.items()]
            # The name of a field may be a key as well; then it must not be shown as the place.
            yield from ((path, name) for name in value)
        elif isinstance(value, list):
            waiting += [(f"{path}[{number}]", item) for number, item in enumerate(value)]


def _found(text: str, known: tuple[str, ...]) -> str | None:
    """The kind of key in `text`, in clear, URL-encoded, or inside base64 of its own."""
    for form in (text, unquote(text)):
        if kind := redaction.find(form, known):
            return kind
    for match in _HIDING_PLACE.finditer(text):
        plain = match[0].rstrip("=").translate(str.maketrans("-_", "+/"))
        plain = plain[: len(plain) - (len(plain) % 4 == 1)]
        decoded = pybase64.b64decode(plain + "=" * (-len(plain) % 4)).decode("latin-1")
        if kind := redaction.find(decoded, known):
            return f"{kind} in base64"
    return None
