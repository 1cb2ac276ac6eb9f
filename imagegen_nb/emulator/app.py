"""The ASGI application: every adapter's endpoints, the control routes, and each provider's own 404."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagegen_nb.emulator.adapter import adapters, provider_names
from imagegen_nb.emulator.control import Control
from imagegen_nb.emulator.handler import generate
from imagegen_nb.emulator.state import State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from imagegen_nb.emulator.adapter import Adapter

_MARK = (b"x-imagegen-emulator", b"1")
_NOT_EMULATED = "x-imagegen-not-emulated"
"""The header of a response to a provider that is not emulated; its value names those that are."""


def create_app(state: State | None = None) -> Starlette:
    """The emulator as an ASGI application over `state` (a fresh one when None).

    Faults that break the connection need the server of `Emulator`; everything else runs anywhere.
    """
    shared = state or State()
    routes = [
        Route(f"/{adapter.name}{path}", _generation_endpoint(adapter, path, shared), methods=["POST"])
        for adapter in adapters().values()
        for path in adapter.paths
    ]
    routes += [route for name in provider_names() for route in _batch_routes(name, shared)]
    routes += Control(shared).routes()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    routes.append(Route("/{rest:path}", _other_endpoint(shared), methods=methods))
    return Starlette(routes=routes, middleware=[Middleware(_MarkEmulated)])


def _generation_endpoint(adapter: Adapter, path: str, state: State) -> Any:
    async def endpoint(request: Request) -> Response:
        return await generate(request, adapter, path, state)

    return endpoint


def _batch_routes(name: str, state: State) -> list[Route]:
    """A provider's endpoints for batches, where its folder has a `batches.py`."""
    module = f"{__name__.rpartition('.')[0]}.{name}.batches"
    if importlib.util.find_spec(module) is None:
        return []
    found: list[Route] = importlib.import_module(module).routes(state)
    return found


def _other_endpoint(state: State) -> Any:
    async def endpoint(request: Request) -> Response:
        path = request.url.path
        message = f"Invalid URL ({request.method} {path})"
        adapter = adapters().get(path.split("/")[1])
        if adapter is None:
            # The toolkit tells from this header that the emulator lacks the provider, and not the model.
            emulated = {_NOT_EMULATED: ", ".join(sorted(provider_names()))}
            return JSONResponse({"error": message}, 404, emulated)
        reading = request.method in ("GET", "HEAD")
        file = adapter.download(path, state.images) if reading else None
        response = file or adapter.not_found(message)
        return Response(response.content, response.status, media_type=response.media_type)

    return endpoint


class _MarkEmulated:
    """Middleware: every response says that it is emulated."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding the header."""

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), _MARK]
            await send(message)

        await self.app(scope, receive, marking)
