"""Google's batches on the Developer API: `batchGenerateContent`, `batches`.

As google-genai 3.6 sends and reads them (`batches.py`), and by the reference "Batch API" on ai.google.dev:
a batch is an operation, with what is told of it in `metadata` and its output there and in `response`; of
`batchStats`, text like every int64, zeros are left out. Requests come as a file or inline. An answer that
is an error is a ``google.rpc.Status``: its code is gRPC's, not HTTP's. A batch that has expired has no
results to retrieve (guide); nor has a cancelled one here, which is not documented. Inline answers keep the
order of their requests, by which the guide tells them apart; those in a file do not here, as each has its
key.

googleapis/python-genai#2519: a batch with 1,000 images inline was carried out, and every GET of it was
answered 503 after a minute; so it is here, from `BatchDesk.most_inlined` answers on, without the minute.

Guesses: one line that is no request fails the whole batch; a file that is not there is a 404 of the
creation; a list has no inline answers in it. Not emulated: Vertex AI's `batchPredictionJobs`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import Batch, Line
from imagegen_nb.emulator.gemini.adapter import ADAPTER, CALL_NUMBER
from imagegen_nb.emulator.gemini.errors import bad_request, error
from imagegen_nb.emulator.gemini.files import NO_ENTITY, GeminiFiles
from imagegen_nb.emulator.gemini.operations import authenticated, page, timestamp
from imagegen_nb.emulator.gemini.request import check_model
from imagegen_nb.emulator.gemini.schema import fields
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.adapter import GenerationRequest
    from imagegen_nb.emulator.state import State

_STATES: Final = {
    "completed": "BATCH_STATE_SUCCEEDED",
    "failed": "BATCH_STATE_FAILED",
    "expired": "BATCH_STATE_EXPIRED",
    "cancelled": "BATCH_STATE_CANCELLED",
}
_ROUTE: Final = "/v1beta/models/{model}:generateContent"
_TYPE: Final = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
_LARGEST_INLINE: Final = 20 * 1024 * 1024
_ENDED_AFTER: Final = 60
#: gRPC's codes by HTTP status.
_RPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 502: 14, 503: 14, 504: 4}
_UNKNOWN: Final = 2


def routes(state: State) -> list[Route]:
    """The endpoints, over one state."""
    batches = GeminiBatches(state)
    prefix = f"/{ADAPTER.name}"
    return [
        *GeminiFiles(state, batches.output).routes(prefix),
        Route(f"{prefix}/v1beta/models/{{model}}:batchGenerateContent", batches.create, methods=["POST"]),
        Route(f"{prefix}/v1beta/batches", batches.list_page, methods=["GET"]),
        Route(f"{prefix}/v1beta/batches/{{batch}}:cancel", batches.cancel, methods=["POST"]),
        Route(f"{prefix}/v1beta/batches/{{batch}}", batches.look, methods=["GET"]),
        Route(f"{prefix}/v1beta/batches/{{batch}}", batches.delete, methods=["DELETE"]),
    ]


class GeminiBatches:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    async def create(self, request: Request) -> Response:
        """Make a batch of an uploaded file, or of requests inline."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticated(request)
            model = request.path_params["model"]
            check_model(model, request.url.path, vertex=False, retired=self.state.retired)
            batch = _batch_of(content)
            name = str(batch["inputConfig"].get("fileName", "")).removeprefix("files/")
            if not name:
                lines, problem = _inlined(batch["inputConfig"], content), ""
            elif (stored := self.desk.files.get(name)) is not None:
                lines, problem = _read(stored.content)
            else:
                raise RequestRejected(NO_ENTITY)
            made = Batch(
                provider=ADAPTER.name,
                name=batch["displayName"],
                model=model,
                input_file=name,
                lines=lines,
                headers=service.lower_headers(request),
                problem=problem,
            )
            return json_response(self._shown(self.desk.add(made)))

        return await service.serve(request, ADAPTER, self.state, "create", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the batches, the newest first."""

        async def work() -> EmulatedResponse:
            authenticated(request)
            shown = [self._shown(batch) for batch in self.desk.newest_first(ADAPTER.name)]
            return page("operations", shown, request)

        return await service.serve(request, ADAPTER, self.state, "list", work)

    async def look(self, request: Request) -> Response:
        """The batch, which may have ended now, with its answers where these come inline."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            request_of = self._request_of(batch, request)
            service.look(batch, ADAPTER, self.state, request_of)
            if batch.input_file or batch.ending != "completed":
                return json_response(self._shown(batch))
            if len(batch.lines) >= self.desk.most_inlined:
                raise RequestRejected(error(503, "The service is currently unavailable."))
            answers = [_answer(line, await service.answer(line, ADAPTER, request_of)) for line in batch.lines]
            return json_response(self._shown(batch, answers))

        return await service.serve(request, ADAPTER, self.state, "look", work, missing=NO_ENTITY)

    async def cancel(self, request: Request) -> Response:
        """Let it end without what was not carried out yet."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            batch.cancelling = batch.ending is None
            return json_response({})

        return await service.serve(request, ADAPTER, self.state, "cancel", work, missing=NO_ENTITY)

    async def delete(self, request: Request) -> Response:
        """Forget it, with its answers."""

        async def work() -> EmulatedResponse:
            del self.desk.batches[self._found(request).id]
            return json_response({})

        return await service.serve(request, ADAPTER, self.state, None, work)

    def output(self, file: str, request: Request) -> StreamingResponse | None:
        """The file of answers of that id; None when there is none."""
        batch = self.desk.batches.get(file.removeprefix("batch-"))
        if batch is None or not batch.input_file or batch.ending != "completed" or batch.deleted:
            return None
        request_of = self._request_of(batch, request)

        async def write(line: Line) -> Any:
            return _answer(line, await service.answer(line, ADAPTER, request_of))

        lines = batch.lines[1::2] + batch.lines[::2]
        return service.file_of(lines, write, broken_line=self.desk.line_that_is_no_json)

    def _found(self, request: Request) -> Batch:
        authenticated(request)
        batch = self.desk.batches.get(request.path_params["batch"])
        if batch is None or batch.provider != ADAPTER.name:
            raise RequestRejected(NO_ENTITY)
        return batch

    def _request_of(self, batch: Batch, request: Request) -> Callable[[Line], GenerationRequest]:
        asked = service.generation(request, self.state)

        def request_of(line: Line) -> GenerationRequest:
            # Equal requests make different images, as the model does.
            number = {CALL_NUMBER: str(line.repetition)} if line.repetition else {}
            return replace(
                asked,
                path=f"/{ADAPTER.name}{_ROUTE.replace('{model}', batch.model)}",
                route=_ROUTE,
                model=batch.model,
                body=line.body,
                headers={**batch.headers, **number},
                fault=line.fault,
            )

        return request_of

    def _shown(self, batch: Batch, answers: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        done, name = batch.count(done=True), f"batches/{batch.id}"
        counts = {
            "requestCount": len(batch.lines),
            "successfulRequestCount": batch.succeeded,
            "failedRequestCount": done - batch.succeeded,
            "pendingRequestCount": len(batch.lines) - done,
        }
        state = _STATES[batch.ending] if batch.ending else f"BATCH_STATE_{_under_way(batch)}"
        told: dict[str, Any] = {
            "@type": _TYPE,
            "model": f"models/{batch.model}",
            "displayName": batch.name,
            "createTime": timestamp(batch.created),
            "updateTime": timestamp(batch.created),
            "batchStats": {name: str(count) for name, count in counts.items() if count},
            "state": state,
            "name": name,
        }
        if batch.input_file:
            told["inputConfig"] = {"fileName": f"files/{batch.input_file}"}
        shown: dict[str, Any] = {"name": name, "metadata": told}
        if batch.ending is None:
            return shown
        told["endTime"] = told["updateTime"] = timestamp(batch.created + _ENDED_AFTER)
        shown["done"] = True
        if batch.ending == "failed":
            shown["error"] = {"code": _RPC_CODES[400], "message": batch.problem}
        elif batch.ending == "completed" and (batch.input_file or answers is not None):
            told["output"] = _output(batch, answers)
            shown["response"] = {"@type": f"{_TYPE}Output", **told["output"]}
        return shown


def _under_way(batch: Batch) -> str:
    return "RUNNING" if batch.looks else "PENDING"


def _output(batch: Batch, answers: list[dict[str, Any]] | None) -> dict[str, Any]:
    if batch.input_file:
        return {"responsesFile": f"files/batch-{batch.id}"}
    return {"inlinedResponses": {"inlinedResponses": answers}}


def _answer(line: Line, response: EmulatedResponse | None) -> dict[str, Any]:
    """An answer to a request, with the key or the metadata that came with it."""
    answer: dict[str, Any] = {"key": line.key} if line.metadata is None else {"metadata": line.metadata}
    response = response or error(504, "Deadline expired before operation could complete.")
    body = service.body_of(response)
    if response.status == 200:
        return {**answer, "response": body}
    told = body.get("error") if isinstance(body, dict) else None
    told = told if isinstance(told, dict) else {}
    status = {"code": _RPC_CODES.get(response.status, _UNKNOWN), "message": told.get("message", "")}
    details = {"details": told["details"]} if "details" in told else {}
    return {**answer, "error": {**status, **details}}


def _read(content: bytes) -> tuple[list[Line], str]:
    """The requests of a file, and why they are not carried out."""
    requests = list[tuple[str, Any, Any]]()
    for number, text in enumerate(content.splitlines(), 1):
        try:
            document = json.loads(text)
        except ValueError:
            return [], f"Line {number} is not valid JSON."
        if not isinstance(document, dict) or not isinstance(document.get("request"), dict):
            return [], f"Line {number} has no request."
        requests.append((str(document.get("key", "")), document["request"], None))
    return (_lines(requests), "") if requests else ([], "The file is empty.")


def _inlined(config: dict[str, Any], content: bytes) -> list[Line]:
    """The requests of a creation; raises `RequestRejected` when there are none, or too many bytes of them."""
    given = config.get("requests")
    items = given.get("requests") if isinstance(given, dict) else None
    if not isinstance(items, list) or not items:
        raise RequestRejected(bad_request("batch.input_config needs a file name or requests."))
    if len(content) > _LARGEST_INLINE:
        raise RequestRejected(bad_request("Request payload size exceeds the limit: 20971520 bytes."))
    requests = list[tuple[str, Any, Any]]()
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("request"), dict):
            where = f"batch.input_config.requests.requests[{number}]"
            raise RequestRejected(bad_request(f"{where}.request is required."))
        metadata = item.get("metadata") or {}
        key = metadata.get("key", number) if isinstance(metadata, dict) else number
        requests.append((str(key), item["request"], metadata))
    return _lines(requests)


def _lines(requests: Iterable[tuple[str, dict[str, Any], Any]]) -> list[Line]:
    """Requests by key, body and metadata. Each may name the model that all are for."""
    seen, lines = Counter[str](), list[Line]()
    for key, body, metadata in requests:
        without_model = {name: value for name, value in body.items() if name != "model"}
        equal = json.dumps(without_model, sort_keys=True)
        lines.append(Line(key, without_model, metadata=metadata, repetition=seen[equal]))
        seen[equal] += 1
    return lines


def _batch_of(content: bytes) -> dict[str, Any]:
    """The batch of a creation, with its name and the source of its requests."""
    try:
        batch = fields(fields(json.loads(content)).get("batch"))
    except ValueError:
        batch = {}
    batch["inputConfig"] = fields(batch.get("inputConfig"))
    if not batch["inputConfig"]:
        raise RequestRejected(bad_request("* BatchGenerateContentRequest.batch.input_config: is required\n"))
    if not isinstance(batch.get("displayName"), str) or not batch["displayName"]:
        raise RequestRejected(bad_request("* BatchGenerateContentRequest.batch.display_name: is required\n"))
    return batch
