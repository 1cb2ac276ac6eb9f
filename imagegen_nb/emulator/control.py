"""The control routes, so that another process can script the emulator and read its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from imagegen_nb.emulator.adapter import adapter_of, provider_names
from imagegen_nb.emulator.faults import Fault
from imagegen_nb.emulator.responses import json_response

if TYPE_CHECKING:
    from starlette.requests import Request

    from imagegen_nb.emulator.state import State

_PREFIX = "/_emulator"


class Control:
    """Handlers over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """All control routes."""
        return [
            Route(f"{_PREFIX}/health", self.health, methods=["GET"]),
            Route(f"{_PREFIX}/requests", self.requests, methods=["GET", "DELETE"]),
            Route(f"{_PREFIX}/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{_PREFIX}/settings", self.settings, methods=["GET", "PUT"]),
            Route(f"{_PREFIX}/batches", self.batches, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    async def health(self, request: Request) -> Response:
        """``{"status": "ok"}``."""
        return _json({"status": "ok", "emulator": True, "providers": list(provider_names())})

    async def requests(self, request: Request) -> Response:
        """The log (GET), or empty it (DELETE)."""
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

    async def batches(self, request: Request) -> Response:
        """What was submitted and paid for (GET), all of which DELETE forgets. PUT sets how batches end, by
        the names in `BatchDesk.SETTINGS`; POST scripts a list of ``{"call": ..., "kind": ...}``."""
        desk = self.state.batches
        if request.method == "DELETE":
            desk.clear()
            return Response(status_code=204)
        try:
            if request.method == "PUT":
                desk.change(json.loads(await request.body()))
            if request.method == "POST":
                desk.script_all(_calls(json.loads(await request.body())))
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, 400)
        return _json(desk.to_json())

    def _script(self, items: Any) -> None:
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError("expected a JSON list of objects")
        entries = [
            (item.get("provider"), Fault.from_json({k: v for k, v in item.items() if k != "provider"}))
            for item in items
        ]
        # All are checked before the first is queued: a bad script queues nothing.
        for provider, fault in entries:
            adapter_of(provider).check_scriptable(fault)
        for provider, fault in entries:
            self.state.script(provider, fault)

    def _change(self, settings: Any) -> None:
        if not isinstance(settings, dict) or not set(settings) <= {"latency", "retired"}:
            raise ValueError("expected an object with latency and/or retired")
        latency, retired = settings.get("latency", 0.0), settings.get("retired", False)
        if type(latency) not in (int, float) or type(retired) is not bool:
            raise ValueError("latency must be a number and retired a boolean")
        if "latency" in settings:
            self.state.latency = latency
        if "retired" in settings:
            self.state.retired = retired


def _calls(items: Any) -> list[tuple[Any, Fault]]:
    """Calls about batches, with the faults that are to happen to them."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("expected a JSON list of objects")
    return [
        (item.get("call"), Fault.from_json({k: v for k, v in item.items() if k != "call"})) for item in items
    ]


def _json(body: Any, status: int = 200) -> Response:
    response = json_response(body, status)
    return Response(response.content, status, media_type=response.media_type)
