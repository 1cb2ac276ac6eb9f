"""The control routes, so that another process can script the emulator and read its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from imagegen_nb.emulator.faults import PROVIDERS, Fault, check_scriptable
from imagegen_nb.emulator.responses import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from imagegen_nb.emulator.state import State

PREFIX = "/_emulator"


class Control:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """All control routes."""
        return [
            Route(f"{PREFIX}/health", self.health, methods=["GET"]),
            Route(f"{PREFIX}/requests", self.requests, methods=["GET", "DELETE"]),
            Route(f"{PREFIX}/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{PREFIX}/settings", self.settings, methods=["GET", "PUT"]),
        ]

    async def health(self, request: Request) -> Response:
        """``{"status": "ok"}``."""
        return _json({"status": "ok", "emulator": True, "providers": list(PROVIDERS)})

    async def requests(self, request: Request) -> Response:
        """The log (GET), or forget it (DELETE)."""
        if request.method == "DELETE":
            self.state.clear_requests()
            return Response(status_code=204)
        return _json([logged.to_json() for logged in self.state.requests])

    async def faults(self, request: Request) -> Response:
        """Queue a list of ``{"provider": ..., "kind": ...}`` (POST), count (GET) or drop (DELETE)."""
        if request.method == "DELETE":
            self.state.clear_faults()
            return Response(status_code=204)
        if request.method == "POST":
            try:
                self._script(json.loads(await request.body()))
            except (ValueError, TypeError) as error:
                return _json({"error": str(error)}, 400)
        return _json({"queued": self.state.queued()})

    async def settings(self, request: Request) -> Response:
        """``{"latency": seconds, "retired": bool}``; PUT changes those it names."""
        if request.method == "PUT":
            try:
                self._change(json.loads(await request.body()))
            except (ValueError, TypeError) as error:
                return _json({"error": str(error)}, 400)
        return _json({"latency": self.state.latency, "retired": self.state.retired})

    def _script(self, items: Any) -> None:
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError("expected a JSON list of objects")
        pairs = [
            (item.get("provider"), Fault.from_json({k: v for k, v in item.items() if k != "provider"}))
            for item in items
        ]
        if unknown := [name for name, _ in pairs if name not in PROVIDERS]:
            raise ValueError(f"unknown provider {unknown[0]!r}; known: {', '.join(PROVIDERS)}")
        for provider in PROVIDERS:
            for fault in (fault for name, fault in pairs if name == provider):
                check_scriptable(provider, fault)
        for provider in PROVIDERS:
            self.state.script(provider, *(fault for name, fault in pairs if name == provider))

    def _change(self, wanted: Any) -> None:
        if not isinstance(wanted, dict) or not set(wanted) <= {"latency", "retired"}:
            raise ValueError("expected an object with latency and/or retired")
        latency, retired = wanted.get("latency", 0.0), wanted.get("retired", False)
        if type(latency) not in (int, float) or type(retired) is not bool:
            raise ValueError("latency must be a number and retired a boolean")
        if "latency" in wanted:
            self.state.latency = latency
        if "retired" in wanted:
            self.state.retired = retired


def _json(body: Any, status: int = 200) -> Response:
    # Not Starlette's JSONResponse: a logged prompt may hold a lone surrogate, which UTF-8 cannot.
    answer = json_answer(body, status)
    return Response(answer.content, status, media_type=answer.media_type)
