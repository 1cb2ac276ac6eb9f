"""One generation request from beginning to end: read, log, take a fault, check, render, corrupt, respond."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from imagegen_nb.emulator import connection_faults
from imagegen_nb.emulator.adapter import GenerationRequest
from imagegen_nb.emulator.faults import BEFORE_VALIDATION, Fault
from imagegen_nb.emulator.rendering.corruption import corrupt, drawing_to_render
from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.emulator.responses import (
    EmulatedResponse,
    EncodedImage,
    RequestRejected,
    json_response,
)
from imagegen_nb.emulator.state import LoggedRequest, loggable_body, loggable_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from imagegen_nb.emulator.adapter import Adapter
    from imagegen_nb.emulator.state import State

_HTML: Final = b"<!doctype html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
_DEEPEST: Final = 300
"""Lists and objects within each other in a body that is read."""


async def generate(http_request: Request, adapter: Adapter, route: str, state: State) -> Response:
    """Serve one generation request to `adapter`'s provider, at the `route` of its paths."""
    started = time.monotonic()
    try:
        raw_body = await http_request.body()
    except ClientDisconnect:
        return connection_faults.Hang()  # nobody is left to read a response
    fault = state.next_fault(adapter.name)
    request = _read(http_request, raw_body, route, fault, state)
    state.log(_log_entry(http_request, adapter, request))
    if fault.kind == "hang":
        return connection_faults.Hang()
    if fault.kind == "drop":
        return connection_faults.Drop(reset=fault.reset)
    response = await _unless_client_leaves(http_request, respond(adapter, request))
    if response is None:
        return connection_faults.Hang()
    streamed = len(response.frames) > 1
    delay = (fault.seconds if fault.kind == "delay" else 0.0) + (0.0 if streamed else state.latency)
    if delay and await connection_faults.client_left(http_request.receive, delay):
        return connection_faults.Hang()
    response = response.with_headers(adapter.response_headers(time.monotonic() - started))
    return as_http(response, http_request, fault, state.latency)


async def _unless_client_leaves(
    http_request: Request, work: Coroutine[Any, Any, EmulatedResponse]
) -> EmulatedResponse | None:
    """The result of `work`; None when the client leaves first, which also cancels the rendering."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(connection_faults.client_left(http_request.receive))
    await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    unneeded = watch if task.done() else task
    unneeded.cancel()
    await asyncio.wait({unneeded})
    return None if task.cancelled() else task.result()


def _read(
    http_request: Request, raw_body: bytes, route: str, fault: Fault, state: State
) -> GenerationRequest:
    return GenerationRequest(
        path=http_request.url.path,
        route=route,
        model=http_request.path_params.get("model"),
        body=_parse(raw_body),
        headers={name.lower(): value for name, value in http_request.headers.items()},
        query_key=http_request.query_params.get("key"),
        base_url=f"{http_request.url.scheme}://{http_request.url.netloc}",
        fault=fault,
        retired=state.retired,
        images=state.images,
    )


def _parse(raw_body: bytes) -> Any:
    """The JSON of a body; None for anything else, NaN and Infinity included."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(raw_body, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return None if _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    """Whether a body is nested too deep for what reads it: Python's own reader stops late, from 3.13 on."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _log_entry(http_request: Request, adapter: Adapter, request: GenerationRequest) -> LoggedRequest:
    in_body = request.body.get("model") if isinstance(request.body, dict) else None
    return LoggedRequest(
        provider=adapter.name,
        method=http_request.method,
        path=request.path,
        model=request.model or (in_body if isinstance(in_body, str) else None),
        body=loggable_body(request.body),
        headers=loggable_headers(http_request.headers.items()),
        fault=request.fault.kind,
        at=time.monotonic(),
    )


async def respond(adapter: Adapter, request: GenerationRequest) -> EmulatedResponse:
    """What a request gets, whether it came by itself or in a batch."""
    try:
        if request.fault.kind in BEFORE_VALIDATION:
            return fault_response(adapter, request)
        return await _image_response(adapter, request)
    except RequestRejected as rejection:
        return rejection.response


def fault_response(adapter: Adapter, request: GenerationRequest) -> EmulatedResponse:
    """The response to a fault that comes before validation."""
    fault = request.fault
    match fault.kind:
        case "html":
            return _html_page(200, b"Welcome")
        case "json_list":
            return json_response([])
        case "redirect":
            headers = {"location": fault.location}
            return EmulatedResponse((b"",), fault.status_or_default(), "text/plain", headers)
        case "huge":
            return EmulatedResponse((b"",))  # the body comes from `connection_faults`
        case "server_error" if fault.variant_or_default() == "html":
            response = _html_page(fault.status_or_default(), b"Bad gateway")
        case _:
            response = adapter.fault_response(request)
    retry_headers = {"retry-after": fault.retry_after, "retry-after-ms": fault.retry_after_ms}
    return response.with_headers({name: value for name, value in retry_headers.items() if value is not None})


def _html_page(status: int, title: bytes) -> EmulatedResponse:
    return EmulatedResponse((_HTML % (title, title),), status, "text/html; charset=utf-8")


async def _image_response(adapter: Adapter, request: GenerationRequest) -> EmulatedResponse:
    job = adapter.accept(request)
    if (response := job.response_without_images()) is not None:
        return response
    images, partial_images = await asyncio.gather(
        _render_all(job.drawings(), request.fault),
        asyncio.gather(*(_render_all(stages, request.fault) for stages in job.partial_drawings())),
    )
    # In a thread: base64 of megabytes into JSON would block the event loop.
    return await asyncio.to_thread(job.response, images, partial_images)


async def _render_all(drawings: list[Drawing], fault: Fault) -> list[EncodedImage]:
    def render_one(drawing: Drawing) -> EncodedImage:
        image = EncodedImage.encode(render(drawing_to_render(drawing, fault)), drawing)
        return corrupt(image, fault)

    return list(await asyncio.gather(*(asyncio.to_thread(render_one, drawing) for drawing in drawings)))


def as_http(response: EmulatedResponse, http_request: Request, fault: Fault, latency: float) -> Response:
    """The response as it is sent, or what a fault makes of it on its way; `latency` in seconds."""
    content, headers, media_type = response.content, dict(response.headers), response.media_type
    kind = fault.kind if response.status == 200 else "ok"
    match kind:
        case "cut":
            return connection_faults.cut(response, http_request.scope, fault.sent)
        case "stream_cut" if not media_type.startswith("text/event-stream"):
            return connection_faults.cut(response, http_request.scope, fault.sent)
        case "stream_cut":
            return connection_faults.cut_stream(response, http_request.scope)
        case "drip":
            return connection_faults.drip(response, fault.seconds)
        case "huge":
            return connection_faults.huge(fault.size, headers)
        case "truncated_json":
            return Response(content[: int(len(content) * fault.sent)], headers=headers, media_type=media_type)
        case "gzip":
            compressed = gzip.compress(content, 1, mtime=0)
            headers["content-encoding"] = "gzip"
            return Response(compressed, headers=headers, media_type=media_type)
    if len(response.frames) > 1:
        frames = _paced(response.frames, latency)
        return StreamingResponse(frames, headers=headers, media_type=media_type)
    return Response(content, response.status, headers, media_type)


async def _paced(frames: tuple[bytes, ...], seconds: float) -> AsyncIterator[bytes]:
    """`frames` one by one, spread over `seconds`."""
    for frame in frames:
        await asyncio.sleep(seconds / len(frames))
        yield frame
