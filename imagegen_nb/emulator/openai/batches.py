"""OpenAI's batches: `/v1/batches`, over uploaded files of requests.

The batch object is that of the SDK 3.57 (`openai/types/batch.py`). A file of requests that is no good, or
not there, makes a batch that fails, and not an error of `create` (llama-stack's recordings, see
`batch_input`); only an ended one cannot be cancelled (409, ibidem). Answers come in another order than
their requests, as the guide warns that none is kept. Answers that are errors, and requests that were not
carried out (`batch_expired`, `batch_cancelled`) or timed out (`request_timeout`), stand in a file of their
own; a file without lines is not made. Whether those that were not carried out count as failed is not
documented; here they do not.

Not emulated: ``/v1/images/edits``, which OpenAI's batches take too.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import Batch, Line
from imagegen_nb.emulator.openai import batch_input
from imagegen_nb.emulator.openai.adapter import ADAPTER
from imagegen_nb.emulator.openai.errors import error
from imagegen_nb.emulator.openai.files import OpenAIFiles, page_of
from imagegen_nb.emulator.openai.request import authenticate, parse_request
from imagegen_nb.emulator.openai.response import usage
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.state import State

_DAY: Final = 24 * 3600
_ENDPOINT: Final = "/v1/images/generations"
_OUTPUT, _ERRORS = "output", "errors"
_MOST_PAIRS, _LONGEST_NAME, _LONGEST_VALUE = 16, 64, 512
#: What the error file says of requests that were not carried out, by the batch's ending.
_NOT_CARRIED_OUT: Final = {
    "expired": "This request could not be executed before the completion window expired.",
    "cancelled": "This request was cancelled because the batch was cancelled.",
}


_TIMED_OUT: Final = {"code": "request_timeout", "message": "The underlying call to the model timed out."}


def routes(state: State) -> list[Route]:
    """The endpoints, over one state."""
    batches = OpenAIBatches(state)
    files = OpenAIFiles(state, batches.output)
    prefix = f"/{ADAPTER.name}/v1"
    return [
        *files.routes(prefix),
        Route(f"{prefix}/batches", batches.create, methods=["POST"]),
        Route(f"{prefix}/batches", batches.list_page, methods=["GET"]),
        Route(f"{prefix}/batches/{{batch}}", batches.look, methods=["GET"]),
        Route(f"{prefix}/batches/{{batch}}/cancel", batches.cancel, methods=["POST"]),
    ]


class OpenAIBatches:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    async def create(self, request: Request) -> Response:
        """Make a batch of an uploaded file."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            headers = service.lower_headers(request)
            authenticate(headers)
            body = _checked(content)
            file_id = str(body["input_file_id"])
            stored = self.desk.files.get(file_id.removeprefix("file-"))
            lines: list[Line] = []
            errors = [_no_input(file_id)]
            if stored is not None:
                lines, errors = batch_input.read(stored.content, _ENDPOINT)
            batch = Batch(
                provider=ADAPTER.name,
                name=json.dumps(body.get("metadata")),
                model=str(lines[0].body["model"]) if lines else "",
                input_file=file_id,
                lines=lines,
                headers=headers,
                errors=errors,
            )
            return json_response(self._shown(self.desk.add(batch)))

        return await service.serve(request, ADAPTER, self.state, "create", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the batches, the newest first."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            shown = [self._shown(batch) for batch in self.desk.newest_first(ADAPTER.name)]
            return page_of(shown, request)

        return await service.serve(request, ADAPTER, self.state, "list", work)

    async def look(self, request: Request) -> Response:
        """The batch, which may have ended now."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            service.look(batch, ADAPTER, self.state, self._request_of(batch, request))
            return json_response(self._shown(batch))

        return await service.serve(
            request, ADAPTER, self.state, "look", work, missing=_no_batch(request.path_params["batch"])
        )

    async def cancel(self, request: Request) -> Response:
        """Let it end without what was not carried out yet."""

        async def work() -> EmulatedResponse:
            batch = self._found(request)
            if batch.ending not in (None, "cancelled"):
                raise RequestRejected(error(409, f"Cannot cancel a batch with status '{batch.ending}'."))
            batch.cancelling = True
            return json_response(self._shown(batch))

        return await service.serve(
            request, ADAPTER, self.state, "cancel", work, missing=_no_batch(request.path_params["batch"])
        )

    def output(self, file_id: str, request: Request) -> StreamingResponse | None:
        """The file of that id, of answers or of errors; None when there is none."""
        kind, _, name = file_id.removeprefix("file-").partition("-")
        batch = self.desk.batches.get(name)
        if batch is None or file_id not in self._files(batch).values() or kind in batch.deleted:
            return None
        request_of = self._request_of(batch, request)
        is_error = kind == _ERRORS
        lines = [line for line in batch.lines if (line.refused or not line.carried_out) is is_error]

        async def write(line: Line) -> Any:
            if not line.carried_out:
                failure = {"code": f"batch_{batch.ending}", "message": _NOT_CARRIED_OUT[str(batch.ending)]}
                return _answer(batch, line, None, failure)
            response = await service.answer(line, ADAPTER, request_of)
            return _answer(batch, line, response, _TIMED_OUT if response is None else None)

        broken = self.desk.line_that_is_no_json and not is_error
        # In no order that anybody could rely on.
        return service.file_of(lines[1::2] + lines[::2], write, broken_line=broken)

    def _files(self, batch: Batch) -> dict[str, str]:
        """The ids of the files that a batch has made, by what they hold."""
        if batch.ending in (None, "failed"):
            return {}
        made = {_OUTPUT: batch.succeeded, _ERRORS: len(batch.lines) - batch.succeeded}
        return {kind: f"file-{kind}-{batch.id}" for kind, lines in made.items() if lines}

    def _found(self, request: Request) -> Batch:
        authenticate(service.lower_headers(request))
        batch = self.desk.batches.get(request.path_params["batch"].removeprefix("batch_"))
        if batch is None or batch.provider != ADAPTER.name:
            raise RequestRejected(_no_batch(request.path_params["batch"]))
        return batch

    def _request_of(self, batch: Batch, request: Request) -> service.RequestOf:
        return service.requests_of(batch, service.generation(request, self.state), ADAPTER.name, _ENDPOINT)

    def _shown(self, batch: Batch) -> dict[str, Any]:
        status, files = _status(batch, self.desk.looks), self._files(batch)
        errors = batch.errors or [batch_input.problem("invalid_request", batch.problem)]
        reached = {name: batch.created + seconds for name, seconds in _reached(batch, status).items()}
        return {
            "id": f"batch_{batch.id}",
            "object": "batch",
            "endpoint": _ENDPOINT,
            "model": batch.model or None,
            "errors": {"object": "list", "data": errors} if status == "failed" else None,
            "input_file_id": batch.input_file,
            "completion_window": "24h",
            "status": status,
            "output_file_id": files.get(_OUTPUT),
            "error_file_id": files.get(_ERRORS),
            "created_at": batch.created,
            **{f"{name}_at": reached.get(name) for name in (*_STEPS, "failed", "expired", "cancelled")},
            "expires_at": batch.created + _DAY,
            "request_counts": {
                "total": 0 if status in ("validating", "failed") else len(batch.lines),
                "completed": batch.succeeded,
                "failed": sum(line.refused for line in batch.lines),
            },
            "usage": _usage(batch) if files else None,
            "metadata": json.loads(batch.name),
        }


#: What a batch goes through, with the seconds after its creation; nothing waits for these.
_STEPS: Final = {"in_progress": 1, "finalizing": 2, "completed": 3, "cancelling": 2}


def _status(batch: Batch, looks: int) -> str:
    if batch.ending is not None:
        return batch.ending
    if batch.cancelling:
        return "cancelling"
    if batch.looks == 0 or batch.is_invalid:
        return "validating"
    return "finalizing" if 1 < batch.looks == looks - 1 else "in_progress"


def _reached(batch: Batch, status: str) -> dict[str, int]:
    """The seconds after its creation at which a batch came to each status it has had."""
    if status in ("validating", "failed"):
        return {"failed": 1} if status == "failed" else {}
    had = {"in_progress"} | ({"cancelling"} if batch.cancelling else set())
    had |= {"finalizing"} if status in ("finalizing", "completed", "expired", "cancelled") else set()
    if status == "completed":
        had.add(status)
    after = {name: seconds for name, seconds in _STEPS.items() if name in had}
    if status in ("expired", "cancelled"):
        after[status] = _DAY if status == "expired" else 3
    return after


def _usage(batch: Batch) -> dict[str, Any]:
    """The tokens of all answers that are no errors."""
    spent = [usage(parse_request(line.body), line.images) for line in batch.lines if line.images]
    came, went = (sum(each[name] for each in spent) for name in ("input_tokens", "output_tokens"))
    return {
        "input_tokens": came,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": went,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": came + went,
    }


def _answer(
    batch: Batch, line: Line, response: EmulatedResponse | None, failure: dict[str, str] | None
) -> dict[str, Any]:
    number = hashlib.sha256(f"{batch.id} {line.key}".encode()).hexdigest()[:24]
    answered = None
    if response is not None:
        body = service.body_of(response)
        answered = {"status_code": response.status, "request_id": f"req_emulated_{number}", "body": body}
    return {"id": f"batch_req_{number}", "custom_id": line.key, "response": answered, "error": failure}


def _no_input(file_id: str) -> dict[str, Any]:
    message = f"Cannot find file {file_id}, or organization org-emulated does not have access to it."
    return batch_input.problem("invalid_request", message, param="file_id")


def _no_batch(batch_id: str) -> EmulatedResponse:
    return error(404, f"No batch found with id '{batch_id}'.")


def _checked(content: bytes) -> dict[str, Any]:
    """The body of `create`; raises `RequestRejected` with OpenAI's error."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RequestRejected(error(400, "We could not parse the JSON body of your request."))
    for name, allowed in {"input_file_id": None, "endpoint": _ENDPOINT, "completion_window": "24h"}.items():
        if not isinstance(body.get(name), str):
            raise _refused(f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
        if allowed is not None and body[name] != allowed:
            message = f"Invalid value: '{body[name]}'. Supported values are: '{allowed}'."
            raise _refused(message, "invalid_value", name)
    _check_metadata(body.get("metadata"))
    return body


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or len(metadata) > _MOST_PAIRS:
        message = f"Invalid 'metadata': expected an object with at most {_MOST_PAIRS} properties."
        raise _refused(message, "invalid_value", "metadata")
    for name, value in metadata.items():
        if not isinstance(value, str):
            message = f"Invalid type for 'metadata.{name}': expected a string."
            raise _refused(message, "invalid_type", f"metadata.{name}")
        if len(name) > _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            message = f"Invalid 'metadata.{name}': string too long."
            raise _refused(message, "string_above_max_length", f"metadata.{name}")


def _refused(message: str, code: str, param: str) -> RequestRejected:
    return RequestRejected(error(400, message, code, param))
