"""What of a call may be written down: an allow-list for headers, and a search for keys in the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagegen_nb.core import redaction
from imagegen_nb.replay.blobs import stow
from imagegen_nb.replay.recording import Recording, Side
from imagegen_nb.secret_scan.decode import layers

_ANSWERED = ("content-type", "retry-after", "retry-after-ms")
_REQUEST_ID = "x-request-id"
_LONGEST_PATH = 200


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


def _texts(recording: Recording) -> Iterator[tuple[str, str | bytes]]:
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
            yield f"the {side}'s image {name}", data


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
            waiting += [(_below(path, f".{name}" if path else name), item) for name, item in value.items()]
            # The name of a field may be a key as well; then it must not be shown as the place.
            yield from ((path, name) for name in value)
        elif isinstance(value, list):
            waiting += [(_below(path, f"[{number}]"), item) for number, item in enumerate(value)]


def _below(path: str, step: str) -> str:
    """The path one level deeper; one that grows too long stays as it is: every value carries its own."""
    return path if len(path) + len(step) > _LONGEST_PATH else f"{path}{step}"


def _found(held: str | bytes, known: tuple[str, ...]) -> str | None:
    """The kind of key in `held`, as it stands or in a disguise."""
    data = held.encode(errors="surrogatepass") if isinstance(held, str) else held
    for layer in layers(data):
        if kind := redaction.find(layer.text, known):
            return f"{kind} {layer.how}".rstrip()
    return None
