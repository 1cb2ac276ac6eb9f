"""xAI's batches: `/v1/batches`.

By the guide "Batch API" of docs.x.ai (its text of 2026-06 and later), `xai-org/xai-sdk-ts` and
`xai-org/xai-proto`; no SDK of xAI's is installed to prove it with. A batch has no status: it has counters,
`cancel_time` and `cancel_by_xai_message`. Requests are added to an open batch, or come with a file, which
seals it; a bad line of the file has xAI cancel the batch. Results are had page by page, each as soon as it
is there, and tell of their endpoint by a name (`image_generation`); images come as addresses, unless asked
for as base64.

Times are bare dates over REST, as litellm found; so is it that an error is an object with `code` and
`message` (the OpenAPI example in xai-sdk-ts has a text there). The guide reads `error_message` beside it.
Guesses: the codes of errors are gRPC's; an expired batch is not found any more. What an image costs in a
batch is not published: `cost_in_usd_ticks` is that of a single call. Requests other than for images are
refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import Batch, Line
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response
from imagegen_nb.emulator.xai.adapter import ADAPTER
from imagegen_nb.emulator.xai.errors import error, undeserializable
from imagegen_nb.emulator.xai.files import XaiFiles, page_of
from imagegen_nb.emulator.xai.models import MODELS
from imagegen_nb.emulator.xai.request import authenticate

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from imagegen_nb.emulator.state import State

_ENDPOINT: Final = "/v1/images/generations"
_RPC: Final = "xai_api.Image/GenerateImage"
_KEPT: Final = 30 * 24 * 3600
_MOST_LINES: Final = 50_000
_USUAL_PAGE: Final = 100
#: gRPC's codes by HTTP status.
_RPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 422: 3, 429: 8, 500: 13, 503: 14, 504: 4}
_UNKNOWN: Final = 2


def routes(state: State) -> list[Route]:
    """The endpoints, over one state."""
    batches = XaiBatches(state)
    prefix = f"/{ADAPTER.name}/v1"
    one = f"{prefix}/batches/{{batch}}"
    return [
        *XaiFiles(state).routes(prefix),
        Route(f"{prefix}/batches", batches.create, methods=["POST"]),
        Route(f"{prefix}/batches", batches.list_page, methods=["GET"]),
        Route(f"{one}:cancel", batches.cancel, methods=["POST"]),
        Route(f"{one}/requests", batches.add, methods=["POST"]),
        Route(f"{one}/requests", batches.requests, methods=["GET"]),
        Route(f"{one}/results", batches.results, methods=["GET"]),
        Route(one, batches.look, methods=["GET"]),
    ]


class XaiBatches:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    async def create(self, request: Request) -> Response:
        """Make a batch, open or of an uploaded file."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            body = _object(content)
            if not isinstance(body.get("name"), str):
                raise RequestRejected(undeserializable("missing field `name`"))
            file_id, lines, problem = str(body.get("input_file_id") or ""), list[Line](), ""
            if file_id:
                stored = self.desk.files.get(file_id.removeprefix("file_"))
                if stored is None:
                    raise RequestRejected(error(404, "not-found", f"File {file_id} not found."))
                lines, problem = _read(stored.content)
            batch = Batch(
                provider=ADAPTER.name,
                name=body["name"],
                model="",
                input_file=file_id,
                lines=lines,
                headers=service.lower_headers(request),
                problem=problem and f"JSONL file validation failed: {problem}",
            )
            return json_response(_shown(self.desk.add(batch)))

        return await service.serve(request, ADAPTER, self.state, "create", work)

    async def add(self, request: Request) -> Response:
        """Add requests to an open batch, which goes on then."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            if batch.input_file or batch.ending == "cancelled":
                raise RequestRejected(
                    error(400, "invalid-argument", "Requests cannot be added to this batch.")
                )
            added = _requests(_object(content), len(batch.lines))
            keys = [line.key for line in (*batch.lines, *added)]
            if len(set(keys)) < len(keys):
                raise RequestRejected(
                    error(400, "invalid-argument", "batch_request_id must be unique in a batch.")
                )
            batch.lines += added
            batch.ending, batch.looks = None, 0
            return json_response({})

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the batches, the newest first."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            kept = [one for one in self.desk.newest_first(ADAPTER.name) if one.ending != "expired"]
            batches, token = page_of(kept, request, _USUAL_PAGE)
            return json_response({"batches": [_shown(one) for one in batches], "pagination_token": token})

        return await service.serve(request, ADAPTER, self.state, "list", work)

    async def look(self, request: Request) -> Response:
        """The batch, of which requests may have been carried out now."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            if batch.lines or batch.is_invalid:
                service.look(batch, ADAPTER, self.state, self._request_of(batch, request))
            return json_response(_shown(self._found(request)))

        return await service.serve(
            request, ADAPTER, self.state, "look", work, missing=_no_batch(request.path_params["batch"])
        )

    async def cancel(self, request: Request) -> Response:
        """End it at once, without what was not carried out yet."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            batch.cancelling = True
            service.look(batch, ADAPTER, self.state, self._request_of(batch, request))
            return json_response(_shown(batch))

        return await service.serve(
            request, ADAPTER, self.state, "cancel", work, missing=_no_batch(request.path_params["batch"])
        )

    async def requests(self, request: Request) -> Response:
        """A page of what is known of its requests."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            lines, token = page_of(batch.lines, request, _USUAL_PAGE)
            told = [
                {
                    "batch_request_id": line.key,
                    "endpoint": _RPC,
                    "model": str(line.body.get("model", "")),
                    "state": _state_of(line, batch),
                    "create_time": _date(batch.created),
                    "finish_time": _date(batch.created) if line.carried_out else None,
                }
                for line in lines
            ]
            return json_response({"batch_request_metadata": told, "pagination_token": token})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def results(self, request: Request) -> Response:
        """A page of the results that are there."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            request_of = self._request_of(batch, request)
            there = [line for line in batch.lines if line.carried_out]
            # In no order that anybody could rely on.
            lines, token = page_of(there[1::2] + there[::2], request, _USUAL_PAGE)
            results = [_result(line, await service.answer(line, ADAPTER, request_of)) for line in lines]
            return json_response({"results": results, "pagination_token": token})

        return await service.serve(
            request, ADAPTER, self.state, "download", work, missing=_no_batch(request.path_params["batch"])
        )

    def _found(self, request: Request) -> Batch:
        authenticate(service.lower_headers(request))
        batch = self.desk.batches.get(request.path_params["batch"].removeprefix("batch_"))
        if batch is None or batch.provider != ADAPTER.name or batch.ending == "expired":
            raise RequestRejected(_no_batch(request.path_params["batch"]))
        return batch

    def _request_of(self, batch: Batch, request: Request) -> service.RequestOf:
        return service.requests_of(batch, service.generation(request, self.state), ADAPTER.name, _ENDPOINT)


def _shown(batch: Batch) -> dict[str, Any]:
    done = batch.count(done=True)
    # A file is loaded in the background: until then its batch has no requests.
    is_loaded = not batch.input_file or batch.looks > 0
    total = len(batch.lines) if is_loaded and not batch.is_invalid else 0
    is_cancelled = batch.ending in ("cancelled", "failed")
    return {
        "batch_id": f"batch_{batch.id}",
        "name": batch.name,
        "create_time": _date(batch.created),
        "expire_time": _date(batch.created + _KEPT),
        "create_api_key_id": "emulated",
        "cancel_time": _date(batch.created) if is_cancelled else None,
        "cancel_by_xai_message": batch.problem if batch.ending == "failed" else None,
        "input_file_id": batch.input_file or None,
        "state": {
            "num_requests": total,
            "num_pending": 0 if batch.ending else total - done if total else 0,
            "num_success": batch.succeeded,
            "num_error": done - batch.succeeded,
            "num_cancelled": total - done if batch.ending == "cancelled" else 0,
        },
    }


def _state_of(line: Line, batch: Batch) -> str:
    if line.carried_out:
        return "failed" if line.refused else "succeeded"
    return "cancelled" if batch.ending == "cancelled" else "pending"


def _result(line: Line, response: EmulatedResponse | None) -> dict[str, Any]:
    response = response or error(504, "deadline-exceeded", "The request timed out.")
    body = service.body_of(response)
    if response.status == 200:
        return {
            "batch_request_id": line.key,
            "batch_result": {"response": {"image_generation": body}},
        }
    message = str(body.get("error", "")) if isinstance(body, dict) else str(body)
    told = {"code": _RPC_CODES.get(response.status, _UNKNOWN), "message": message}
    return {"batch_request_id": line.key, "batch_result": {"error": told}, "error_message": message}


def _read(content: bytes) -> tuple[list[Line], str]:
    """The requests of a file, and why they are not carried out."""
    lines, keys = list[Line](), set[str]()
    texts = content.splitlines()
    if not texts or len(texts) > _MOST_LINES:
        return [], f"a file has 1 to {_MOST_LINES} requests."
    for number, text in enumerate(texts, 1):
        try:
            document = json.loads(text)
        except ValueError:
            return [], f"line {number} is not valid JSON."
        wanted = {"custom_id", "method", "url", "body"}
        if not isinstance(document, dict) or not wanted <= set(document):
            return [], f"line {number} lacks a field."
        if document["url"] != _ENDPOINT or not isinstance(document["body"], dict):
            return [], f"line {number} has an unsupported url: {document['url']}."
        if document["custom_id"] in keys:
            return [], f"line {number} has a duplicate custom_id."
        if (model := document["body"].get("model")) not in MODELS:
            return [], f"Model {model} is not supported for batch processing."
        keys.add(document["custom_id"])
        lines.append(Line(document["custom_id"], document["body"]))
    return lines, ""


def _requests(body: dict[str, Any], before: int) -> list[Line]:
    """The requests that are added after `before` others."""
    items = body.get("batch_requests")
    if not isinstance(items, list):
        raise RequestRejected(undeserializable("missing field `batch_requests`"))
    lines = list[Line]()
    for number, item in enumerate(items, before):
        asked = item.get("batch_request") if isinstance(item, dict) else None
        generation = asked.get("image_generation") if isinstance(asked, dict) else None
        if not isinstance(generation, dict):
            raise RequestRejected(undeserializable("batch_request: the emulator takes `image_generation`"))
        lines.append(Line(str(item.get("batch_request_id") or f"emulated-{number}"), generation))
    return lines


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RequestRejected(undeserializable("expected a JSON object"))
    return body


def _no_batch(batch_id: str) -> EmulatedResponse:
    return error(404, "not-found", f"Batch {batch_id} not found.")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
