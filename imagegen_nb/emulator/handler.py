"""The walk of one generation request: read, log, fault, check, draw, spoil, answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from imagegen_nb.emulator import connection_faults
from imagegen_nb.emulator.adapter import Call
from imagegen_nb.emulator.faults import EARLY, Fault
from imagegen_nb.emulator.log import LoggedRequest, safe_headers
from imagegen_nb.emulator.rendering.corruption import really_drawn, spoil
from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.emulator.responses import Answer, Item, Refusal, json_answer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from imagegen_nb.emulator.adapter import Wire
    from imagegen_nb.emulator.state import State

HTML: Final = b"<!doctype html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


async def generate(request: Request, wire: Wire, state: State) -> Response:
    """Serve one generation request of `wire`."""
    started = time.monotonic()
    try:
        raw = await request.body()
    except ClientDisconnect:
        return connection_faults.Hang()  # nobody listens any more
    fault = state.next_fault(wire.provider)
    call = _read(request, raw, fault, state)
    state.record(_logged(request, wire, call))
    if fault.kind == "hang":
        return connection_faults.Hang()
    if fault.kind == "drop":
        return connection_faults.Drop(reset=fault.reset)
    answer = await _while_present(request, _answer(wire, call))
    if answer is None:
        return connection_faults.Hang()
    pause = (fault.seconds if fault.kind == "delay" else 0.0) + (
        0.0 if len(answer.frames) > 1 else state.latency
    )
    if pause and await connection_faults.left(request.receive, pause):
        return connection_faults.Hang()
    return _sent(answer.with_headers(wire.headers(time.monotonic() - started)), request, fault, state.latency)


async def _while_present(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The result of `work`, or None when the client leaves first: what is not drawn by then never will be."""
    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(connection_faults.left(request.receive))
    await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    unneeded = watch if task.done() else task
    unneeded.cancel()
    await asyncio.wait({unneeded})
    return None if task.cancelled() else task.result()


def _read(request: Request, raw: bytes, fault: Fault, state: State) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    base = f"{request.url.scheme}://{request.url.netloc}"
    model = request.path_params.get("model")
    return Call(
        request.url.path, model, _parsed(raw), headers, request.query_params.get("key"), base, fault, state
    )


def _parsed(raw: bytes) -> Any:
    """The JSON of a body, None for anything that is none (NaN and Infinity are none)."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(raw, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def _logged(request: Request, wire: Wire, call: Call) -> LoggedRequest:
    named = call.body.get("model") if isinstance(call.body, dict) else None
    model = call.model or (named if isinstance(named, str) else None)
    headers = safe_headers(request.headers.items())
    return LoggedRequest(
        wire.provider, request.method, call.path, model, call.body, headers, call.fault.kind, time.monotonic()
    )


async def _answer(wire: Wire, call: Call) -> Answer:
    try:
        return _early(wire, call) if call.fault.kind in EARLY else await _late(wire, call)
    except Refusal as refusal:
        return refusal.answer


def _early(wire: Wire, call: Call) -> Answer:
    fault = call.fault
    match fault.kind:
        case "html":
            return _page(200, b"Welcome")
        case "json_list":
            return json_answer([])
        case "redirect":
            return Answer((b"",), fault.status_or_default(), "text/plain", {"location": fault.location})
        case "huge":
            return Answer((b"",))
        case "server_error" if fault.shape == "html":
            answer = _page(fault.status_or_default(), b"Bad gateway")
        case _:
            answer = wire.refuse(fault, call)
    waits = {"retry-after": fault.retry_after, "retry-after-ms": fault.retry_after_ms}
    return answer.with_headers({name: value for name, value in waits.items() if value is not None})


def _page(status: int, title: bytes) -> Answer:
    return Answer((HTML % (title, title),), status, "text/html; charset=utf-8")


async def _late(wire: Wire, call: Call) -> Answer:
    job = wire.check(call)
    if (instead := job.instead(call.fault)) is not None:
        return instead
    items, sketches = await asyncio.gather(
        _drawn(job.drawings(), call.fault),
        asyncio.gather(*(_drawn(stages, call.fault) for stages in job.sketches())),
    )
    # Base64 of megabytes into JSON takes long enough to leave the loop alone meanwhile.
    return await asyncio.to_thread(job.answer, call.fault, items, sketches)


async def _drawn(drawings: list[Drawing], fault: Fault) -> list[Item]:
    def draw(drawing: Drawing) -> Item:
        return spoil(fault, Item.of(render(really_drawn(fault, drawing)), drawing))

    return list(await asyncio.gather(*(asyncio.to_thread(draw, drawing) for drawing in drawings)))


def _sent(answer: Answer, request: Request, fault: Fault, latency: float) -> Response:
    content, headers, media = answer.content, dict(answer.headers), answer.media_type
    kind = fault.kind if answer.status == 200 else "ok"
    match kind:
        case "cut":
            return connection_faults.cut(content, request.scope, headers, media)
        case "stream_cut" if not media.startswith("text/event-stream"):
            return connection_faults.cut(content, request.scope, headers, media)
        case "stream_cut":
            return connection_faults.cut_stream(answer.frames, request.scope, headers, media)
        case "drip":
            return connection_faults.drip(content, fault.seconds, headers, media)
        case "huge":
            return connection_faults.huge(fault.size, headers)
        case "truncated_json":
            return Response(content[: len(content) // 2], headers=headers, media_type=media)
        case "gzip":
            squeezed = gzip.compress(content, 1, mtime=0)
            return Response(squeezed, headers={**headers, "content-encoding": "gzip"}, media_type=media)
    if len(answer.frames) > 1:
        return connection_faults.paced(answer.frames, latency, headers, media)
    return Response(content, answer.status, headers, media)
