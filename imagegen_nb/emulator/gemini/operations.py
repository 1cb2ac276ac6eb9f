"""What Google's files and batches have in common: keys, pages and points in time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.gemini.errors import bad_request
from imagegen_nb.emulator.gemini.request import authenticate
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from starlette.requests import Request

_USUAL_PAGE: Final = "10"


def authenticated(request: Request) -> None:
    """Raise `RequestRejected` without a good key."""
    authenticate(service.lower_headers(request), request.query_params.get("key"), vertex=False)


def page(name: str, shown: list[dict[str, Any]], request: Request) -> EmulatedResponse:
    """The page of a list that is asked for by ``pageToken`` and ``pageSize``; the list's field is `name`."""
    start, size = (
        request.query_params.get("pageToken") or "0",
        request.query_params.get("pageSize") or _USUAL_PAGE,
    )
    if not (start.isdecimal() and size.isdecimal() and int(size)):
        raise RequestRejected(bad_request("Invalid page size or page token."))
    end = int(start) + int(size)
    body: dict[str, Any] = {name: shown[int(start) : end]} if shown else {}
    return json_response(body | ({"nextPageToken": str(end)} if end < len(shown) else {}))


def timestamp(seconds: float) -> str:
    """A Unix time as protocol buffers write it in JSON."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
