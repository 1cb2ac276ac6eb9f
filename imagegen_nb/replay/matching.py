"""Says which recordings are of one request, by a key that they have in common.

Keys are equal exactly where vcrpy, which a cassette's format and its users come from, finds two requests the
same: by method, scheme, host, port, path, query, the body as JSON, and the call's number. A key is looked up;
to compare a request with each recording takes the longer the more there are.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from urllib.parse import parse_qsl, urlparse

from imagegen_nb.replay.recording import Recording

_PORTS = {"https": 443, "http": 80}


def key_of(request: Recording) -> Hashable:
    """What is compared of a request."""
    parts = urlparse(request.url)
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    query = tuple(sorted(parse_qsl(parts.query)))
    path = parts.path or "/"
    body = _body(request.request_body)
    return request.method, parts.scheme, parts.hostname, port, path, query, body, request.call


def _body(body: bytes) -> Hashable:
    """JSON by its values, so that the order of keys does not matter; anything else by its bytes."""
    try:
        return "JSON", _frozen(json.loads(body) if body else None)
    except (ValueError, RecursionError):
        return "bytes", body


def _frozen(value: object) -> Hashable:
    """A copy of plain JSON that can be looked up, and equals another where the two values are equal."""
    if isinstance(value, dict):
        return frozenset((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    assert isinstance(value, Hashable)
    return value
