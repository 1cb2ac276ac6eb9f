"""Google's files on the Developer API, as far as batches need them: resumable uploads, `files`.

The protocol is that of google-genai 3.6 (`files.py`, `_api_client.py`): a start that is answered with an
address, then chunks to that address, of which the last one finalizes and is answered with the file. The
address is all the permission that chunks need. Downloads are asked of ``/v1beta`` by the SDK, of
``/download/v1beta`` by the guide. Files are gone after 48 hours by the guide; here they stay. Only files
that batches have made can be downloaded. A name of the caller's own (`UploadFileConfig.name`) is not
emulated.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from imagegen_nb.emulator import batch_service as service
from imagegen_nb.emulator.gemini.adapter import ADAPTER
from imagegen_nb.emulator.gemini.errors import bad_request, error
from imagegen_nb.emulator.gemini.operations import authenticated, page, timestamp
from imagegen_nb.emulator.gemini.schema import fields
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

    from imagegen_nb.emulator.batch_desk import StoredFile
    from imagegen_nb.emulator.state import State

_TWO_DAYS: Final = 48 * 3600
_UPLOADED_ONLY: Final = "Only generated files can be downloaded."
NO_ENTITY: Final = error(404, "Requested entity was not found.")


@dataclass(slots=True)
class _Upload:
    """One that has begun: its names, the bytes announced, and those that came."""

    display_name: str
    media_type: str
    size: int
    content: bytearray


class GeminiFiles:
    """Handlers over one `State`; `output` gives a file that a batch has made, by its id."""

    def __init__(self, state: State, output: Callable[[str, Request], StreamingResponse | None]) -> None:
        self.state = state
        self.desk = state.batches
        self.output = output
        self._uploads: dict[str, _Upload] = {}

    def routes(self, prefix: str) -> list[Route]:
        """The endpoints below `prefix`."""
        return [
            Route(f"{prefix}/upload/v1beta/files", self.upload, methods=["POST"]),
            Route(f"{prefix}/v1beta/files", self.list_page, methods=["GET"]),
            Route(f"{prefix}/v1beta/files/{{file}}:download", self.download, methods=["GET"]),
            Route(f"{prefix}/download/v1beta/files/{{file}}:download", self.download, methods=["GET"]),
            Route(f"{prefix}/v1beta/files/{{file}}", self.retrieve, methods=["GET"]),
            Route(f"{prefix}/v1beta/files/{{file}}", self.delete, methods=["DELETE"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Say where to send a file, then take it in."""
        content = await request.body()

        async def work() -> EmulatedResponse:
            command = request.headers.get("x-goog-upload-command", "")
            if command == "start":
                return self._begin(request, content)
            if command in ("upload", "upload, finalize"):
                return self._take_in(request, content, is_last=command != "upload")
            raise RequestRejected(bad_request(f"Invalid upload command: {command!r}."))

        return await service.serve(request, ADAPTER, self.state, "upload", work)

    def _begin(self, request: Request, content: bytes) -> EmulatedResponse:
        authenticated(request)
        size = request.headers.get("x-goog-upload-header-content-length", "")
        if request.headers.get("x-goog-upload-protocol") != "resumable" or not size.isdecimal():
            raise RequestRejected(
                bad_request("A resumable upload needs its protocol and its content length.")
            )
        told = _told(content)
        if told.get("name"):
            raise RequestRejected(bad_request("The emulator names files itself."))
        media_type = request.headers.get("x-goog-upload-header-content-type", "application/octet-stream")
        upload_id = uuid.uuid4().hex
        self._uploads[upload_id] = _Upload(
            str(told.get("displayName", "")), media_type, int(size), bytearray()
        )
        address = request.url.replace(query=f"upload_id={upload_id}&upload_protocol=resumable")
        return json_response({}).with_headers(
            {"x-goog-upload-url": str(address), "x-goog-upload-status": "active"}
        )

    def _take_in(self, request: Request, content: bytes, *, is_last: bool) -> EmulatedResponse:
        upload_id = request.query_params.get("upload_id", "")
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise RequestRejected(NO_ENTITY)
        if request.headers.get("x-goog-upload-offset") != str(len(upload.content)):
            raise RequestRejected(bad_request(f"Expected the offset {len(upload.content)}."))
        upload.content += content
        if not is_last:
            return EmulatedResponse((b"",)).with_headers({"x-goog-upload-status": "active"})
        if len(upload.content) != upload.size:
            raise RequestRejected(bad_request(f"Expected {upload.size} bytes, got {len(upload.content)}."))
        del self._uploads[upload_id]
        name = self.desk.keep_file(
            ADAPTER.name, bytes(upload.content), upload.display_name, upload.media_type
        )
        shown = {"file": _shown(name, self.desk.files[name], request)}
        return json_response(shown).with_headers({"x-goog-upload-status": "final"})

    async def list_page(self, request: Request) -> Response:
        """A page of the uploaded files."""

        async def work() -> EmulatedResponse:
            authenticated(request)
            shown = [_shown(name, stored, request) for name, stored in self.desk.files_of(ADAPTER.name)]
            return page("files", shown, request)

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def retrieve(self, request: Request) -> Response:
        """What is known of a file."""

        async def work() -> EmulatedResponse:
            authenticated(request)
            name: str = request.path_params["file"]
            if (stored := self.desk.files.get(name)) is not None:
                return json_response(_shown(name, stored, request))
            if self.output(name, request) is None:
                raise RequestRejected(NO_ENTITY)
            base = str(request.base_url)
            return json_response(
                {
                    "name": f"files/{name}",
                    "mimeType": "application/jsonl",
                    "state": "ACTIVE",
                    "source": "GENERATED",
                    "uri": f"{base}{ADAPTER.name}/v1beta/files/{name}",
                    "downloadUri": f"{base}{ADAPTER.name}/v1beta/files/{name}:download?alt=media",
                }
            )

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def delete(self, request: Request) -> Response:
        """Forget a file."""

        async def work() -> EmulatedResponse:
            authenticated(request)
            name: str = request.path_params["file"]
            if self.desk.files.pop(name, None) is None:
                if self.output(name, request) is None:
                    raise RequestRejected(NO_ENTITY)
                self.desk.batches[name.removeprefix("batch-")].deleted.add("output")
            return json_response({})

        return await service.serve(request, ADAPTER, self.state, None, work)

    async def download(self, request: Request) -> Response:
        """A file of answers."""

        async def work() -> EmulatedResponse | StreamingResponse:
            authenticated(request)
            name: str = request.path_params["file"]
            if name in self.desk.files:
                raise RequestRejected(bad_request(_UPLOADED_ONLY))
            made = self.output(name, request) if request.query_params.get("alt") == "media" else None
            if made is None:
                raise RequestRejected(NO_ENTITY)
            return made

        return await service.serve(request, ADAPTER, self.state, "download", work, missing=NO_ENTITY)


def _told(content: bytes) -> dict[str, Any]:
    """What the start of an upload says of the file; the SDK writes ``snake_case``."""
    try:
        return fields(fields(json.loads(content)).get("file"))
    except ValueError:
        return {}


def _shown(name: str, stored: StoredFile, request: Request) -> dict[str, Any]:
    digest = hashlib.sha256(stored.content).hexdigest()
    shown = {
        "name": f"files/{name}",
        "displayName": stored.name,
        "mimeType": stored.media_type,
        "sizeBytes": str(len(stored)),
        "createTime": timestamp(stored.created),
        "updateTime": timestamp(stored.created),
        "expirationTime": timestamp(stored.created + _TWO_DAYS),
        "sha256Hash": base64.b64encode(digest.encode()).decode(),
        "uri": f"{request.base_url}{ADAPTER.name}/v1beta/files/{name}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
    return {field: value for field, value in shown.items() if value}
