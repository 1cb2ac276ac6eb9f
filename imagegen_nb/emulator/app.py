"""The ASGI application: three providers, the control routes, and a 404 in each one's own shape."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from imagegen_nb.emulator.control import Control
from imagegen_nb.emulator.gemini import errors as gemini_errors
from imagegen_nb.emulator.gemini.adapter import GeminiWire
from imagegen_nb.emulator.handler import generate
from imagegen_nb.emulator.openai import errors as openai_errors
from imagegen_nb.emulator.openai.adapter import OpenAIWire
from imagegen_nb.emulator.responses import Answer, json_answer
from imagegen_nb.emulator.state import State
from imagegen_nb.emulator.xai import errors as xai_errors
from imagegen_nb.emulator.xai.adapter import XaiWire

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from imagegen_nb.emulator.adapter import Wire

MARK = (b"x-imagegen-emulator", b"1")
NOT_EMULATED = "x-imagegen-not-emulated"
"""The header of an answer to a provider that is not emulated; its value names those that are."""

PATHS: list[tuple[str, Wire]] = [
    ("/openai/v1/images/generations", OpenAIWire()),
    ("/xai/v1/images/generations", XaiWire()),
    *(
        (f"/gemini/{version}/models/{{model}}:generateContent", GeminiWire(vertex=False))
        for version in ("v1beta", "v1")
    ),
    *(
        (
            f"/gemini/{version}/{scope}publishers/google/models/{{model}}:generateContent",
            GeminiWire(vertex=True),
        )
        for version in ("v1beta1", "v1")
        for scope in ("projects/{project}/locations/{location}/", "")
    ),
]


def create_app(state: State | None = None) -> Starlette:
    """The emulator as an ASGI application over `state` (a fresh one when None).

    Faults that break the connection need the server of `Emulator`; everything else runs anywhere.
    """
    shared = state or State()
    routes = [Route(path, _serving(wire, shared), methods=["POST"]) for path, wire in PATHS]
    routes.append(Route("/xai/images/{name}.jpeg", partial(_picture, state=shared), methods=["GET"]))
    routes += Control(shared).routes()
    routes.append(
        Route("/{rest:path}", _nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    )
    return Starlette(routes=routes, middleware=[Middleware(Marked)])


def _serving(wire: Wire, state: State) -> Any:
    async def endpoint(request: Request) -> Response:
        return await generate(request, wire, state)

    return endpoint


async def _picture(request: Request, state: State) -> Response:
    """A picture xAI gave a URL for."""
    content = state.shelved(request.path_params["name"])
    if content is None:
        return _response(xai_errors.error(404, "not-found", "This image has expired."))
    return Response(content, media_type="image/jpeg")


async def _nowhere(request: Request) -> Response:
    """404 as the provider whose mount was addressed would say it."""
    path = request.url.path
    message = f"Invalid URL ({request.method} {path})"
    match path.split("/")[1]:
        case "openai":
            return _response(openai_errors.error(404, message, "unknown_url"))
        case "xai":
            return _response(xai_errors.error(404, "not-found", message))
        case "gemini":
            return _response(gemini_errors.error(404, "Requested entity was not found."))
        case _:
            emulated = ", ".join(sorted({served.split("/")[1] for served, _ in PATHS}))
            return _response(json_answer({"error": message}, 404, {NOT_EMULATED: emulated}))


def _response(answer: Answer) -> Response:
    return Response(answer.content, answer.status, dict(answer.headers), answer.media_type)


class Marked:
    """Middleware: every answer says that it is emulated."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding the header."""

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), MARK]
            await send(message)

        await self.app(scope, receive, marking)
