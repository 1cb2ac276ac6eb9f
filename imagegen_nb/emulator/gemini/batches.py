"""Google's files and batches on the Developer API: resumable uploads, `batchGenerateContent`, `batches`.

A batch is an operation; numbers that are 0 are left out, and the others are text. Answers come in the order
of the requests. What was not carried out when a batch ends early has no line.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import Batch, Line
from imagegen_nb.emulator.gemini.adapter import ADAPTER
from imagegen_nb.emulator.gemini.errors import error
from imagegen_nb.emulator.gemini.request import authenticate, check_model
from imagegen_nb.emulator.handler import respond
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.adapter import GenerationRequest
    from imagegen_nb.emulator.state import State

_STATES: Final = {
    None: "BATCH_STATE_RUNNING",
    "completed": "BATCH_STATE_SUCCEEDED",
    "failed": "BATCH_STATE_FAILED",
    "expired": "BATCH_STATE_EXPIRED",
    "cancelled": "BATCH_STATE_CANCELLED",
}
_ROUTE: Final = "/v1beta/models/{model}:generateContent"


def routes(state: State) -> list[Route]:
    """The endpoints, over one state."""
    desk = GeminiBatchDesk(state)
    prefix = f"/{ADAPTER.name}"
    return [
        Route(f"{prefix}/upload/v1beta/files", desk.upload, methods=["POST"]),
        Route(f"{prefix}/v1beta/models/{{model}}:batchGenerateContent", desk.create, methods=["POST"]),
        Route(f"{prefix}/v1beta/batches", desk.list_page, methods=["GET"]),
        Route(f"{prefix}/v1beta/batches/{{batch}}:cancel", desk.cancel, methods=["POST"]),
        Route(f"{prefix}/v1beta/batches/{{batch}}", desk.look, methods=["GET"]),
        # The guide names the one address, the SDK asks the other.
        Route(f"{prefix}/download/v1beta/files/{{file}}:download", desk.download, methods=["GET"]),
        Route(f"{prefix}/v1beta/files/{{file}}:download", desk.download, methods=["GET"]),
    ]


class GeminiBatchDesk:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    async def upload(self, request: Request) -> Response:
        """Say where to send a file, then keep it."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            command = request.headers.get("x-goog-upload-command", "")
            if command == "start":
                _authenticate(request)
                # As with Google, whoever has this address needs no key.
                address = str(request.url.replace(query=f"upload_id={self.desk.keep_file(b'')}"))
                where = {"x-goog-upload-url": address, "x-goog-upload-status": "active"}
                return json_response({}).with_headers(where)
            begun = self.desk.files.pop(request.query_params.get("upload_id", ""), None)
            if command != "upload, finalize" or not content or begun is None:
                raise RequestRejected(error(400, "The upload has no end."))
            name = f"files/{self.desk.keep_file(content)}"
            file = {"name": name, "sizeBytes": str(len(content)), "state": "ACTIVE"}
            return json_response({"file": file}).with_headers({"x-goog-upload-status": "final"})

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    async def create(self, request: Request) -> Response:
        """Make a batch of an uploaded file."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            _authenticate(request)
            model = request.path_params["model"]
            check_model(model, request.url.path, vertex=False, retired=self.state.retired)
            batch = _batch_of(content)
            name = str(_object(batch.get("inputConfig")).get("fileName", "")).removeprefix("files/")
            if name not in self.desk.files:
                raise RequestRejected(error(404, "Requested entity was not found."))
            lines, problem = _read(self.desk.files[name])
            made = Batch(
                provider=ADAPTER.name,
                name=str(batch.get("displayName", "")),
                model=model,
                input_file=name,
                lines=lines,
                headers=_headers(request),
                problem=problem,
            )
            return json_response(self._shown(self.desk.add(made)))

        return await service.serve(request, ADAPTER, self.state, "create", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the batches, the newest first."""

        async def work() -> EmulatedResponse:
            _authenticate(request)
            batches = self.desk.newest_first(ADAPTER.name)
            start = int(request.query_params.get("pageToken", "0"))
            end = start + int(request.query_params.get("pageSize", "10"))
            shown: dict[str, Any] = {"operations": [self._shown(batch) for batch in batches[start:end]]}
            return json_response(shown | ({"nextPageToken": str(end)} if end < len(batches) else {}))

        return await service.serve(request, ADAPTER, self.state, "list", work)

    async def look(self, request: Request) -> Response:
        """The batch, which may have ended now."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            service.look(batch, ADAPTER, self.state, self._request_of(batch, request))
            return json_response(self._shown(batch))

        return await service.serve(request, ADAPTER, self.state, "look", work)

    async def cancel(self, request: Request) -> Response:
        """Let it end without what was not carried out yet."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            batch.cancelling = batch.ending is None
            return json_response({})

        return await service.serve(request, ADAPTER, self.state, "cancel", work)

    async def download(self, request: Request) -> Response:
        """A file of answers."""

        async def work() -> EmulatedResponse | StreamingResponse:
            _authenticate(request)
            batch = self.desk.batches.get(request.path_params["file"].removeprefix("batch-"))
            if batch is None or batch.ending is None or request.query_params.get("alt") != "media":
                raise RequestRejected(error(404, "Requested entity was not found."))
            request_of = self._request_of(batch, request)

            async def write(line: Line) -> Any:
                response = await respond(ADAPTER, request_of(line))
                body = service.body_of(response)
                if response.status == 200:
                    return {"key": line.key, "response": body}
                return {"key": line.key, "error": body.get("error", {}) if isinstance(body, dict) else {}}

            lines = [line for line in batch.lines if line.carried_out]
            return service.file_of(lines, write, broken_line=self.desk.line_that_is_no_json)

        return await service.serve(request, ADAPTER, self.state, "download", work)

    def _found(self, request: Request) -> Batch:
        _authenticate(request)
        batch = self.desk.batches.get(request.path_params["batch"])
        if batch is None or batch.provider != ADAPTER.name:
            raise RequestRejected(error(404, "Requested entity was not found."))
        return batch

    def _request_of(self, batch: Batch, request: Request) -> Callable[[Line], GenerationRequest]:
        asked = service.generation(request, self.state)

        def request_of(line: Line) -> GenerationRequest:
            number = line.key.rpartition("/")[2]
            return replace(
                asked,
                path=f"/{ADAPTER.name}{_ROUTE.replace('{model}', batch.model)}",
                route=_ROUTE,
                model=batch.model,
                body=line.body,
                # Equal requests of one run make different images, as they do one by one.
                headers={**batch.headers, "x-imagegen-nb-call": number},
                fault=line.fault,
            )

        return request_of

    def _shown(self, batch: Batch) -> dict[str, Any]:
        done = batch.count(done=True) if batch.ending else 0
        counts = {
            "requestCount": len(batch.lines),
            "successfulRequestCount": done,
            "pendingRequestCount": len(batch.lines) - done,
        }
        told: dict[str, Any] = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{batch.model}",
            "displayName": batch.name,
            "inputConfig": {"fileName": f"files/{batch.input_file}"},
            "createTime": datetime.fromtimestamp(batch.created, UTC).isoformat().replace("+00:00", "Z"),
            "batchStats": {name: str(count) for name, count in counts.items() if count},
            "state": _STATES[batch.ending],
            "name": f"batches/{batch.id}",
        }
        if done:
            told["output"] = {"responsesFile": f"files/batch-{batch.id}"}
        shown: dict[str, Any] = {"name": f"batches/{batch.id}", "metadata": told}
        if batch.ending is not None:
            shown["done"] = True
        if batch.ending == "failed":
            shown["error"] = {"code": 3, "message": batch.problem}
        return shown


def _read(content: bytes) -> tuple[list[Line], str]:
    """The requests of a file, and why they are not carried out."""
    lines = list[Line]()
    for number, text in enumerate(content.splitlines(), 1):
        try:
            document = json.loads(text)
        except ValueError:
            return [], f"Line {number} is not valid JSON."
        if not isinstance(document, dict) or not isinstance(document.get("request"), dict):
            return [], f"Line {number} has no request."
        lines.append(Line(str(document.get("key", "")), document["request"]))
    return (lines, "") if lines else ([], "The file is empty.")


def _batch_of(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    batch = _object(_object(document).get("batch"))
    if not batch.get("displayName") or not batch.get("inputConfig"):
        raise RequestRejected(error(400, "batch.display_name and batch.input_config are required."))
    return batch


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _authenticate(request: Request) -> None:
    authenticate(_headers(request), request.query_params.get("key"), vertex=False)


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
