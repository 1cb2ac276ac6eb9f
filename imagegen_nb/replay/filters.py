"""What may be written into a cassette: an allow-list for headers, and a search for keys in the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagegen_nb.core import redaction
from imagegen_nb.replay import blobs
from imagegen_nb.replay.recording import Recording, Side
from imagegen_nb.secret_scan.decode import decodings

_ALLOWED_HEADERS = ("content-type", "retry-after", "retry-after-ms")
_REQUEST_ID = "x-request-id"
_LONGEST_PATH = 200


def filter_url(url: str) -> str:
    """`url` without the query parameter that may hold a Google key."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "key"]
    return urlunsplit(parts._replace(query=urlencode(query)))


def filter_headers(headers: Mapping[str, str], request: str) -> dict[str, str]:
    """The answer's headers that are recorded: only those our own code reads.

    The provider's request id is replaced by one made from the `request`, the same in every recording of it.
    """
    allowed = {name: headers[name] for name in _ALLOWED_HEADERS if name in headers}
    if _REQUEST_ID in headers:
        allowed[_REQUEST_ID] = f"recorded-{hashlib.sha256(request.encode()).hexdigest()[:12]}"
    return allowed


def find_key(recording: Recording, known: Iterable[str]) -> str | None:
    """Where `recording` holds a key, and what kind it is, never the key; None when it is clean."""
    keys = tuple(known)
    for place, content in _contents(recording):
        if kind := _kind_of_key(content, keys):
            return f"{place} holds {kind}"
    return None


def _contents(recording: Recording) -> Iterator[tuple[str, str | bytes]]:
    """Everything of a recording that would be written, each with its place."""
    yield "the request's address", recording.url
    for name, value in recording.headers.items():
        yield f"the answer's header {name}", value
    sides: tuple[tuple[Side, bytes], ...] = (
        ("request", recording.request_body),
        ("answer", recording.response_body),
    )
    for side, body in sides:
        text, images = blobs.extract(body)
        for path, value in _strings(text):
            yield f"the {side}'s body{path and f', field `{path}`,'}", value
        yield f"the {side}'s body", text
        for name, data in images.items():
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
            # A field's name may be a key itself: search it before it is shown as a part of a path.
            yield from ((path, name) for name in value)
        elif isinstance(value, list):
            waiting += [(_below(path, f"[{number}]"), item) for number, item in enumerate(value)]


def _below(path: str, step: str) -> str:
    """The path one level deeper; one that grows too long stays as it is: every value carries its own."""
    return path if len(path) + len(step) > _LONGEST_PATH else f"{path}{step}"


def _kind_of_key(content: str | bytes, known: tuple[str, ...]) -> str | None:
    """The kind of key in `content`, in clear or encoded."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    for decoded in decodings(data):
        if kind := redaction.find(decoded.text, known):
            return f"{kind} {decoded.encoding}".rstrip()
    return None
