"""OpenAI's files and batches: `/v1/files`, `/v1/batches`.

Uploads are checked as they become a batch: one line that is none fails all, before anything is carried out.
Answers come in another order than their requests, as OpenAI keeps none; what was refused, and what was not
carried out, stands in a file of its own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import Batch, Line
from imagegen_nb.emulator.handler import respond
from imagegen_nb.emulator.openai.adapter import ADAPTER
from imagegen_nb.emulator.openai.errors import error
from imagegen_nb.emulator.openai.request import authenticate
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.adapter import GenerationRequest
    from imagegen_nb.emulator.state import State

_DAY: Final = 24 * 3600
_ENDPOINT: Final = "/v1/images/generations"
_MOST_LINES: Final = 50_000
_LARGEST: Final = 200_000_000
_OUTPUT, _ERRORS = "output", "errors"


def routes(state: State) -> list[Route]:
    """The endpoints, over one state."""
    desk = OpenAIBatchDesk(state)
    prefix = f"/{ADAPTER.name}/v1"
    return [
        Route(f"{prefix}/files", desk.upload, methods=["POST"]),
        Route(f"{prefix}/files/{{file}}/content", desk.download, methods=["GET"]),
        Route(f"{prefix}/batches", desk.create, methods=["POST"]),
        Route(f"{prefix}/batches", desk.list_page, methods=["GET"]),
        Route(f"{prefix}/batches/{{batch}}", desk.look, methods=["GET"]),
        Route(f"{prefix}/batches/{{batch}}/cancel", desk.cancel, methods=["POST"]),
    ]


class OpenAIBatchDesk:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    async def upload(self, request: Request) -> Response:
        """Keep a file of requests."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticate(_headers(request))
            fields = _form(request.headers.get("content-type", ""), content)
            if fields.get("purpose") != b"batch" or "file" not in fields:
                raise RequestRejected(error(400, "'purpose' must be batch, with a file beside it."))
            name = self.desk.keep_file(fields["file"])
            return json_response(
                {"id": f"file-{name}", "object": "file", "bytes": len(fields["file"]), "purpose": "batch"}
            )

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    async def create(self, request: Request) -> Response:
        """Make a batch of an uploaded file."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticate(_headers(request))
            body = _object(content)
            name = str(body.get("input_file_id", "")).removeprefix("file-")
            if body.get("endpoint") != _ENDPOINT or body.get("completion_window") != "24h":
                raise RequestRejected(error(400, "Invalid value for 'endpoint' or 'completion_window'."))
            if name not in self.desk.files:
                raise RequestRejected(error(404, f"No such File object: {body.get('input_file_id')}"))
            lines, problem = _read(self.desk.files[name])
            metadata = body.get("metadata")
            given = metadata if isinstance(metadata, dict) else {}
            batch = Batch(
                provider=ADAPTER.name,
                name=json.dumps(given),
                model=_model(lines),
                input_file=name,
                lines=lines,
                headers=_headers(request),
                problem=problem,
            )
            return json_response(self._shown(self.desk.add(batch)))

        return await service.serve(request, ADAPTER, self.state, "create", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the batches, the newest first."""

        async def work() -> EmulatedResponse:
            authenticate(_headers(request))
            batches = self.desk.newest_first(ADAPTER.name)
            after = request.query_params.get("after", "").removeprefix("batch_")
            ids = [batch.id for batch in batches]
            start = ids.index(after) + 1 if after in ids else 0
            limit = int(request.query_params.get("limit", "20"))
            page = batches[start : start + limit]
            return json_response(
                {
                    "object": "list",
                    "data": [self._shown(batch) for batch in page],
                    "has_more": start + limit < len(batches),
                }
            )

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
            return json_response(self._shown(batch))

        return await service.serve(request, ADAPTER, self.state, "cancel", work)

    async def download(self, request: Request) -> Response:
        """A file of answers, or of errors."""

        async def work() -> EmulatedResponse | StreamingResponse:
            authenticate(_headers(request))
            kind, _, name = request.path_params["file"].removeprefix("file-").partition("-")
            batch = self.desk.batches.get(name)
            if batch is None or batch.ending is None or kind not in (_OUTPUT, _ERRORS):
                raise RequestRejected(error(404, f"No such File object: {request.path_params['file']}"))
            request_of = self._request_of(batch, request)
            lines = self._lines(batch, request_of, kind)

            async def write(line: Line) -> Any:
                if not line.carried_out:
                    what = "expired" if batch.ending == "expired" else "cancelled"
                    message = f"This request could not be executed because the batch was {what}."
                    return _answer(line, None, {"code": f"batch_{what}", "message": message})
                response = await respond(ADAPTER, request_of(line))
                return _answer(line, response, None)

            broken = self.desk.line_that_is_no_json and kind == _OUTPUT
            return service.file_of(lines, write, broken_line=broken)

        return await service.serve(request, ADAPTER, self.state, "download", work)

    def _lines(self, batch: Batch, request_of: Callable[[Line], GenerationRequest], kind: str) -> list[Line]:
        def is_error(line: Line) -> bool:
            return not line.carried_out or service.is_refused(line, ADAPTER, request_of)

        found = [line for line in batch.lines if is_error(line) is (kind == _ERRORS)]
        return found[1::2] + found[::2]  # in no order that anybody could rely on

    def _found(self, request: Request) -> Batch:
        authenticate(_headers(request))
        batch = self.desk.batches.get(request.path_params["batch"].removeprefix("batch_"))
        if batch is None or batch.provider != ADAPTER.name:
            raise RequestRejected(error(404, f"No batch found with id '{request.path_params['batch']}'."))
        return batch

    def _request_of(self, batch: Batch, request: Request) -> Callable[[Line], GenerationRequest]:
        asked = service.generation(request, self.state)

        def request_of(line: Line) -> GenerationRequest:
            return replace(
                asked,
                path=f"/{ADAPTER.name}{_ENDPOINT}",
                route=_ENDPOINT,
                body=line.body,
                headers=batch.headers,
                fault=line.fault,
            )

        return request_of

    def _shown(self, batch: Batch) -> dict[str, Any]:
        ended, failed = batch.ending is not None, batch.ending == "failed"
        status = batch.ending or ("cancelling" if batch.cancelling else "in_progress")
        has_run = ended and not failed
        errors = [{"code": "invalid_json_line", "message": batch.problem, "line": 1}] if failed else None
        refused = batch.count(done=False) if has_run else 0
        return {
            "id": f"batch_{batch.id}",
            "object": "batch",
            "endpoint": _ENDPOINT,
            "model": batch.model,
            "errors": {"object": "list", "data": errors} if errors else None,
            "input_file_id": f"file-{batch.input_file}",
            "completion_window": "24h",
            "status": status,
            "output_file_id": f"file-{_OUTPUT}-{batch.id}" if has_run and batch.count(done=True) else None,
            "error_file_id": f"file-{_ERRORS}-{batch.id}" if has_run else None,
            "created_at": batch.created,
            "expires_at": batch.created + _DAY,
            "request_counts": {
                "total": 0 if failed else len(batch.lines),
                "completed": batch.count(done=True) if has_run else 0,
                "failed": refused,
            },
            "metadata": json.loads(batch.name),
        }


def _answer(line: Line, response: EmulatedResponse | None, failure: dict[str, str] | None) -> dict[str, Any]:
    answered = None
    if response is not None:
        answered = {
            "status_code": response.status,
            "request_id": f"req_emulated_{line.key}",
            "body": service.body_of(response),
        }
    return {"id": f"batch_req_{line.key}", "custom_id": line.key, "response": answered, "error": failure}


def _read(content: bytes) -> tuple[list[Line], str]:
    """The requests of a file, and why they are not carried out."""
    lines, keys = list[Line](), set[str]()
    if len(content) > _LARGEST:
        return [], "The file is larger than 200 MB."
    for number, text in enumerate(content.splitlines(), 1):
        try:
            document = json.loads(text)
        except ValueError:
            return [], f"Line {number} is not valid JSON."
        wanted = {"custom_id", "method", "url", "body"}
        if not isinstance(document, dict) or not wanted <= set(document) or document["url"] != _ENDPOINT:
            return [], f"Line {number} is not a request to {_ENDPOINT}."
        if document["custom_id"] in keys:
            return [], f"Line {number} has a custom_id that another one has."
        keys.add(document["custom_id"])
        lines.append(Line(document["custom_id"], document["body"]))
    if not lines or len(lines) > _MOST_LINES:
        return [], "A batch has 1 to 50,000 requests."
    if len({str(line.body.get("model")) for line in lines}) > 1:
        return [], "All requests of a batch must be for the same model."
    return lines, ""


def _model(lines: list[Line]) -> str:
    return str(lines[0].body.get("model", "")) if lines else ""


def _object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise RequestRejected(error(400, "We could not parse the JSON body of your request."))
    return document


def _form(content_type: str, content: bytes) -> dict[str, bytes]:
    """The fields of a form with a file in it."""
    message = BytesParser().parsebytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + content)
    fields: dict[str, bytes] = {}
    for part in message.get_payload() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        payload = part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload
    return fields


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
