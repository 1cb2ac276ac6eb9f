"""What may be written into a cassette: an allow-list for headers, and a search for keys in the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagegen_nb.core import redaction
from imagegen_nb.core.json_walk import Node, walk
from imagegen_nb.replay.stowed import Stowed
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


def find_key(stowed: Stowed, known: Iterable[str]) -> str | None:
    """Where a recording holds a key, and what kind it is, never the key; None when it is clean."""
    keys = tuple(known)
    for place, field, content in _contents(stowed):
        if kind := _kind_of_key(content, keys):
            return f"{place}{_field(field)} holds {kind}"
    return None


def _contents(stowed: Stowed) -> Iterator[tuple[str, Node | None, str | bytes]]:
    """Everything of a recording that would be written, each with its place, and its field in a JSON body."""
    yield "the request's address", None, stowed.recording.url
    for name, value in stowed.recording.headers.items():
        yield f"the answer's header {name}", None, value
    for side, text, images in (
        ("request", stowed.request, stowed.sent_images),
        ("answer", stowed.answer, stowed.received_images),
    ):
        for field, string in _strings(text):
            yield f"the {side}'s body", field, string
        yield f"the {side}'s body", None, text
        for name, data in images.items():
            yield f"the {side}'s image {name}", None, data


def _strings(text: str) -> Iterator[tuple[Node, str]]:
    """Every string of a JSON body with its place. An object's names are strings of the object itself.

    They come before what they name, because a name may be a key, and must then not be shown in a path.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    for node in walk(document):
        if isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node.value, dict):
            yield from ((node, name) for name in node.value)


def _field(node: Node | None) -> str:
    path = node.bracketed[:_LONGEST_PATH] if node else ""
    return path and f", field `{path}`,"


def _kind_of_key(content: str | bytes, known: tuple[str, ...]) -> str | None:
    """The kind of key in `content`, in clear or encoded."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    for decoded in decodings(data):
        if kind := redaction.find(decoded.text, known):
            return f"{kind} {decoded.encoding}".rstrip()
    return None
