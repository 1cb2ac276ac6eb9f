"""What all providers' batches have in common: they end when they are looked at, each request is answered as
it would be by itself, and answers are made as their file is read.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response, StreamingResponse

from imagegen_nb.emulator import connection_faults
from imagegen_nb.emulator.adapter import GenerationRequest
from imagegen_nb.emulator.faults import BEFORE_VALIDATION, OK
from imagegen_nb.emulator.handler import fault_response
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from starlette.requests import Request

    from imagegen_nb.emulator.adapter import Adapter
    from imagegen_nb.emulator.batch_desk import Batch, Call, Line
    from imagegen_nb.emulator.state import State

    RequestOf = Callable[[Line], GenerationRequest]

NO_JSON: Final = b'{"custom_id": "lost", "response": {"status_code"'


async def serve(
    request: Request,
    adapter: Adapter,
    state: State,
    call: Call,
    work: Callable[[], Awaitable[EmulatedResponse | Response]],
) -> Response:
    """Serve one call about batches by `work`, or as it is scripted to fail."""
    fault = state.batches.take(adapter.name, call)
    if fault.kind in BEFORE_VALIDATION and fault.kind not in ("drop", "hang"):
        return _as_http(fault_response(adapter, replace(generation(request, state), fault=fault)))
    try:
        answer = await work()
    except RequestRejected as rejection:
        return _as_http(rejection.response)
    if fault.kind == "drop":
        return connection_faults.Drop(reset=fault.reset)
    if fault.kind == "hang":
        return connection_faults.Hang()
    if fault.kind == "cut":
        if isinstance(answer, StreamingResponse):
            content = b"".join([bytes(chunk) async for chunk in answer.body_iterator])  # type: ignore[arg-type]
            answer = EmulatedResponse((content,), media_type="application/octet-stream")
        assert isinstance(answer, EmulatedResponse)
        return connection_faults.cut(answer, request.scope, fault.sent)
    return answer if isinstance(answer, Response) else _as_http(answer)


def generation(request: Request, state: State) -> GenerationRequest:
    """What adapters want to know of a request, without its body."""
    return GenerationRequest(
        path=request.url.path,
        route="",
        model=None,
        body=None,
        headers={name.lower(): value for name, value in request.headers.items()},
        query_key=request.query_params.get("key"),
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        fault=OK,
        retired=state.retired,
        images=state.images,
    )


def look(batch: Batch, adapter: Adapter, state: State, request_of: RequestOf) -> None:
    """Let a batch end, unless it is held: what is carried out takes the provider's scripted faults, one
    request each, and is paid for."""
    desk = state.batches
    with desk.lock:
        if batch.ending is not None or (desk.held and not batch.cancelling):
            return
        ending = "cancelled" if batch.cancelling else "failed" if batch.problem else desk.ending
        whole = ending == "completed" or (desk.carried_out is None and ending == "expired")
        most = 0 if ending == "failed" else len(batch.lines) if whole else desk.carried_out or 0
        for line in batch.lines[:most]:
            line.fault, line.carried_out = state.next_fault(adapter.name), True
            desk.pay([(line.key, images_of(line, adapter, request_of))])
        batch.ending = ending


def images_of(line: Line, adapter: Adapter, request_of: RequestOf) -> int:
    """How many images a request makes that has to be paid for; 0 where it is refused."""
    if line.fault.kind in BEFORE_VALIDATION:
        return 0
    try:
        job = adapter.accept(request_of(line))
    except RequestRejected:
        return 0
    refused = job.response_without_images()
    return len(job.drawings()) if refused is None or refused.status == 200 else 0


def is_refused(line: Line, adapter: Adapter, request_of: RequestOf) -> bool:
    """Whether a request that was carried out has an error for an answer."""
    if line.fault.kind in BEFORE_VALIDATION:
        return True
    try:
        refused = adapter.accept(request_of(line)).response_without_images()
    except RequestRejected:
        return True
    return refused is not None and refused.status != 200


def file_of(
    lines: Iterable[Line], write: Callable[[Line], Awaitable[Any]], *, broken_line: bool = False
) -> StreamingResponse:
    """A file of answers, made line by line while it is read."""

    async def content() -> AsyncIterator[bytes]:
        for number, line in enumerate(lines):
            if broken_line and number == 1:
                yield NO_JSON + b"\n"
            yield await asyncio.to_thread(_dumped, await write(line))

    return StreamingResponse(content(), media_type="application/octet-stream")


def body_of(response: EmulatedResponse) -> Any:
    """The JSON of an answer; its text where it is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return response.content.decode(errors="replace")


def _as_http(response: EmulatedResponse) -> Response:
    return Response(response.content, response.status, dict(response.headers), response.media_type)


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
