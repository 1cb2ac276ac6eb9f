"""xAI's files, as far as batches need them: `/v1/files`, by the OpenAPI description in `xai-org/xai-sdk-ts`.

Like OpenAI's, but for their ids, a purpose that nobody needs, and pages by token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response
from imagegen_nb.emulator.xai.adapter import ADAPTER
from imagegen_nb.emulator.xai.errors import error
from imagegen_nb.emulator.xai.request import authenticate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from imagegen_nb.emulator.batch_desk import StoredFile
    from imagegen_nb.emulator.state import State

Item = TypeVar("Item")
_LARGEST: Final = 200 * 1024 * 1024
_MOST: Final = 1000
_USUAL_PAGE: Final = 100


class XaiFiles:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.desk = state.batches

    def routes(self, prefix: str) -> list[Route]:
        """The endpoints below `prefix`."""
        return [
            Route(f"{prefix}/files", self.upload, methods=["POST"]),
            Route(f"{prefix}/files", self.list_page, methods=["GET"]),
            Route(f"{prefix}/files/{{file}}", self.retrieve, methods=["GET"]),
            Route(f"{prefix}/files/{{file}}", self.delete, methods=["DELETE"]),
            Route(f"{prefix}/files/{{file}}/content", self.content, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a file."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            fields = service.form_fields(request.headers.get("content-type", ""), content)
            uploaded, name = fields.get("file", (b"", ""))
            if not name:
                raise RequestRejected(error(400, "invalid-argument", "The form has no named file."))
            if len(uploaded) > _LARGEST:
                raise RequestRejected(error(413, "invalid-argument", "The file is too large."))
            file_id = self.desk.keep_file(ADAPTER.name, uploaded, name)
            return json_response(_shown(file_id, self.desk.files[file_id]))

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    async def list_page(self, request: Request) -> Response:
        """A page of the files, the newest first."""

        async def work() -> EmulatedResponse:
            authenticate(service.lower_headers(request))
            files, token = page_of(self.desk.files_of(ADAPTER.name), request, _USUAL_PAGE)
            return json_response({"data": [_shown(*each) for each in files], "pagination_token": token})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def retrieve(self, request: Request) -> Response:
        """What is known of a file."""

        async def work() -> EmulatedResponse:
            return json_response(_shown(*self._found(request)))

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def delete(self, request: Request) -> Response:
        """Forget a file."""

        async def work() -> EmulatedResponse:
            name, _ = self._found(request)
            del self.desk.files[name]
            return json_response({"id": f"file_{name}", "deleted": True})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def content(self, request: Request) -> Response:
        """What is in a file."""

        async def work() -> EmulatedResponse:
            return EmulatedResponse((self._found(request)[1].content,), media_type="application/octet-stream")

        return await service.serve(request, ADAPTER, self.state, None, work)

    def _found(self, request: Request) -> tuple[str, StoredFile]:
        authenticate(service.lower_headers(request))
        name = request.path_params["file"].removeprefix("file_")
        stored = self.desk.files.get(name)
        if stored is None or stored.provider != ADAPTER.name:
            raise RequestRejected(error(404, "not-found", f"File {request.path_params['file']} not found."))
        return name, stored


def page_of(items: Sequence[Item], request: Request, usual: int) -> tuple[Sequence[Item], str | None]:
    """The page that is asked for by ``limit`` and ``pagination_token``, and the token of the next one."""
    limit = request.query_params.get("limit", str(usual))
    token = request.query_params.get("pagination_token") or "0"
    if not (limit.isdecimal() and token.isdecimal() and 0 < int(limit) <= _MOST):
        raise RequestRejected(error(400, "invalid-argument", "Invalid limit or pagination_token."))
    end = int(token) + int(limit)
    return items[int(token) : end], str(end) if end < len(items) else None


def _shown(name: str, stored: StoredFile) -> dict[str, Any]:
    return {
        "id": f"file_{name}",
        "object": "file",
        "bytes": len(stored),
        "created_at": stored.created,
        "expires_at": None,
        "filename": stored.name,
        "purpose": "",
    }
