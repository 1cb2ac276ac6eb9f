"""OpenAI's files, as far as batches need them: `/v1/files`.

As in the SDK 3.57 (`openai/resources/files.py`, `openai/types/file_object.py`): uploaded with multipart,
listed the newest first, and read at ``/content``. An upload for a batch whose beginning is no JSON is refused
(llama-stack's recordings, see `batch_input`). Files that batches have made are read and deleted here, but not
listed: their size is known only once they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.batch_desk import StoredFile
from imagegen_nb.emulator.openai.adapter import ADAPTER
from imagegen_nb.emulator.openai.batch_input import is_jsonl
from imagegen_nb.emulator.openai.errors import error
from imagegen_nb.emulator.openai.request import authenticate
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.state import State

_THIRTY_DAYS: Final = 30 * 24 * 3600


class OpenAIFiles:
    """Handlers over one `State`; `output` gives a file that a batch has made, by its id."""

    def __init__(self, state: State, output: Callable[[str, Request], StreamingResponse | None]) -> None:
        self.state = state
        self.desk = state.batches
        self.output = output

    def routes(self, prefix: str) -> list[Route]:
        """The endpoints below `prefix`."""
        return [
            Route(f"{prefix}/files", self.upload, methods=["POST"]),
            Route(f"{prefix}/files", self.list_page, methods=["GET"]),
            Route(f"{prefix}/files/{{file}}", self.retrieve, methods=["GET"]),
            Route(f"{prefix}/files/{{file}}", self.delete, methods=["DELETE"]),
            Route(f"{prefix}/files/{{file}}/content", self.download, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a file of requests."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            fields = service.form_fields(request.headers.get("content-type", ""), content)
            purpose = fields.get("purpose", (b"", ""))[0].decode(errors="replace")
            if "file" not in fields:
                raise _refused("Missing required parameter: 'file'.", "missing_required_parameter", "file")
            if purpose != "batch":
                message = f"'{purpose}' is not one of ['batch'], which alone is emulated."
                raise _refused(message, "invalid_value", "purpose")
            uploaded, name = fields["file"]
            if not is_jsonl(uploaded):
                raise RequestRejected(error(400, "Invalid file format for Batch API. Must be .jsonl"))
            file_id = self.desk.keep_file(ADAPTER.name, uploaded, name)
            return json_response(_shown(f"file-{file_id}", self.desk.files[file_id]))

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the uploaded files."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            shown = [_shown(f"file-{name}", stored) for name, stored in self.desk.files_of(ADAPTER.name)]
            return page_of(shown, request, usual=10_000)

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def retrieve(self, request: Request) -> Response:
        """What is known of a file."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            file_id, stored = self._stored(request)
            if stored is not None:
                return json_response(_shown(file_id, stored))
            made = self._made(request)
            content = b"".join([bytes(chunk) async for chunk in made.body_iterator])  # type: ignore[arg-type]
            output = StoredFile(ADAPTER.name, content, f"{file_id}.jsonl", "application/jsonl")
            return json_response({**_shown(file_id, output), "purpose": "batch_output"})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def delete(self, request: Request) -> Response:
        """Forget a file."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            file_id, stored = self._stored(request)
            name = file_id.removeprefix("file-")
            if stored is None:
                self._made(request)
                kind, _, batch_id = name.partition("-")
                self.desk.batches[batch_id].deleted.add(kind)
            else:
                del self.desk.files[name]
            return json_response({"id": file_id, "object": "file", "deleted": True})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def download(self, request: Request) -> Response:
        """What is in a file."""

        async def work() -> EmulatedResponse | StreamingResponse:
            authenticate(service.lower_headers(request))
            _, stored = self._stored(request)
            if stored is None:
                return self._made(request)
            return EmulatedResponse((stored.content,), media_type="application/octet-stream")

        missing = _no_file(request.path_params["file"])
        return await service.serve(request, ADAPTER, self.state, "download", work, missing=missing)

    def _stored(self, request: Request) -> tuple[str, StoredFile | None]:
        """The id that is asked for, and the upload of that id."""
        file_id: str = request.path_params["file"]
        return file_id, self.desk.files.get(file_id.removeprefix("file-"))

    def _made(self, request: Request) -> StreamingResponse:
        file_id: str = request.path_params["file"]
        if (made := self.output(file_id, request)) is None:
            raise RequestRejected(_no_file(file_id))
        return made


def page_of(shown: list[dict[str, Any]], request: Request, usual: int = 20) -> EmulatedResponse:
    """The page of a list that is asked for by ``after`` and ``limit`` (`usual` where it is not)."""
    ids = [each["id"] for each in shown]
    after, limit = request.query_params.get("after", ""), request.query_params.get("limit", str(usual))
    if not limit.isdecimal() or int(limit) < 1:
        raise _refused("Invalid 'limit': expected an integer above 0.", "integer_below_min_value", "limit")
    start = ids.index(after) + 1 if after in ids else 0
    page = shown[start : start + int(limit)]
    return json_response(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + len(page) < len(shown),
        }
    )


def _shown(file_id: str, stored: StoredFile) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": len(stored),
        "created_at": stored.created,
        "expires_at": stored.created + _THIRTY_DAYS,
        "filename": stored.name,
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }


def _no_file(file_id: str) -> EmulatedResponse:
    return error(404, f"No such File object: {file_id}", param="id")


def _refused(message: str, code: str, param: str) -> RequestRejected:
    return RequestRejected(error(400, message, code, param))
