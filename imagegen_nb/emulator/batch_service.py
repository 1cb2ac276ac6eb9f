"""What all providers' batches have in common: they end when they are looked at, each request is answered as
it would be by itself, and answers are made as they are read.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from dataclasses import replace
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response, StreamingResponse

from imagegen_nb.emulator import connection_faults
from imagegen_nb.emulator.adapter import GenerationRequest
from imagegen_nb.emulator.faults import BEFORE_VALIDATION, OK
from imagegen_nb.emulator.handler import as_http, fault_response, respond
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from starlette.requests import Request

    from imagegen_nb.emulator.adapter import Adapter
    from imagegen_nb.emulator.batch_desk import Batch, Call, Line
    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.state import State

    RequestOf = Callable[[Line], GenerationRequest]

_CORES: Final = os.cpu_count() or 1
NO_JSON: Final = b'{"custom_id": "lost", "response": {"status_code"\n'


def requests_of(batch: Batch, asked: GenerationRequest, provider: str, endpoint: str) -> RequestOf:
    """Makes of a batch's line the request that it would be by itself at `endpoint`; what the call that reads
    the batch has in common with it comes from `asked`."""

    def request_of(line: Line) -> GenerationRequest:
        return replace(
            asked,
            path=f"/{provider}{endpoint}",
            route=endpoint,
            body=line.body,
            headers=batch.headers,
            fault=line.fault,
        )

    return request_of


async def serve(
    request: Request,
    adapter: Adapter,
    state: State,
    call: Call | None,
    work: Callable[[], Awaitable[EmulatedResponse | StreamingResponse]],
    *,
    missing: EmulatedResponse | None = None,
) -> Response:
    """Serve one call about batches by `work`, or as it is scripted to fail (never, where `call` is None);
    `missing` is what `not_found` says of what the call asks for."""
    started = time.monotonic()
    fault = OK if call is None else state.batches.take(adapter.name, call)
    answer = await _answer(request, adapter, state, fault, work, missing)
    if fault.kind == "drop":
        return connection_faults.Drop(reset=fault.reset)
    if fault.kind == "hang":
        return connection_faults.Hang()
    if fault.kind == "delay" and await connection_faults.client_left(request.receive, fault.seconds):
        return connection_faults.Hang()
    headers = adapter.response_headers(time.monotonic() - started)
    if isinstance(answer, StreamingResponse):
        if fault.kind in ("ok", "delay"):
            answer.headers.update(headers)
            return answer
        content = b"".join([bytes(chunk) async for chunk in answer.body_iterator])  # type: ignore[arg-type]
        answer = EmulatedResponse((content,), media_type="application/octet-stream")
    return as_http(answer.with_headers(headers), request, fault, 0.0)


async def _answer(
    request: Request,
    adapter: Adapter,
    state: State,
    fault: Fault,
    work: Callable[[], Awaitable[EmulatedResponse | StreamingResponse]],
    missing: EmulatedResponse | None,
) -> EmulatedResponse | StreamingResponse:
    if fault.kind == "not_found" and missing is not None and fault == replace(OK, kind="not_found"):
        return missing
    if fault.kind in BEFORE_VALIDATION and fault.kind not in ("drop", "hang"):
        return fault_response(adapter, replace(generation(request, state), fault=fault))
    try:
        return await work()
    except RequestRejected as rejection:
        return rejection.response


def generation(request: Request, state: State) -> GenerationRequest:
    """What adapters want to know of a request, without its body."""
    return GenerationRequest(
        path=request.url.path,
        route="",
        model=request.path_params.get("model"),
        body=None,
        headers=lower_headers(request),
        query_key=request.query_params.get("key"),
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        fault=OK,
        retired=state.retired,
        images=state.images,
    )


def lower_headers(request: Request) -> dict[str, str]:
    """The headers, by their names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def form_fields(content_type: str, content: bytes) -> dict[str, tuple[bytes, str]]:
    """The fields of a form with a file in it: content, and the file's name."""
    message = BytesParser().parsebytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + content)
    fields: dict[str, tuple[bytes, str]] = {}
    for part in message.get_payload() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        payload = part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload, part.get_filename("")  # type: ignore[union-attr]
    return fields


def look(batch: Batch, adapter: Adapter, state: State, request_of: RequestOf) -> None:
    """Look at a batch, which may end it: what is carried out takes the provider's scripted faults, one
    request each, and is paid for. One that is invalid ends at once, whatever else was scripted."""
    desk = state.batches
    with desk.lock:
        batch.looks += 1
        if batch.ending is not None:
            return
        under_way = desk.held or batch.looks < desk.looks
        if under_way and not batch.cancelling and not batch.is_invalid:
            return
        ending = "failed" if batch.is_invalid else "cancelled" if batch.cancelling else desk.ending
        whole = ending == "completed" or (desk.carried_out is None and ending == "expired")
        most = 0 if ending == "failed" else len(batch.lines) if whole else desk.carried_out or 0
        for line in batch.lines[:most]:
            if line.carried_out:  # before others were added
                continue
            line.fault, line.carried_out = state.next_fault(adapter.name), True
            line.refused, line.images = _outcome(line, adapter, request_of)
            desk.pay([(line.key, line.images)])
        batch.ending = ending


def _outcome(line: Line, adapter: Adapter, request_of: RequestOf) -> tuple[bool, int]:
    """Whether a request's answer is an error, and how many images of it have to be paid for."""
    if line.fault.kind in BEFORE_VALIDATION:
        return True, 0
    try:
        job = adapter.accept(request_of(line))
    except RequestRejected:
        return True, 0
    images = len(job.drawings())
    without_images = job.response_without_images()
    if without_images is None:
        return False, min(line.fault.images, images) if line.fault.kind == "fewer" else images
    # An answer that has lost its images was paid for; one that says why there is none was not.
    return without_images.status != 200, images if line.fault.kind == "empty" else 0


async def answer(line: Line, adapter: Adapter, request_of: RequestOf) -> EmulatedResponse | None:
    """What a request gets; None where it timed out: nobody hangs up on a batch."""
    return None if line.fault.kind in ("hang", "drop") else await respond(adapter, request_of(line))


def file_of(
    lines: Iterable[Line], write: Callable[[Line], Awaitable[Any]], *, broken_line: bool = False
) -> StreamingResponse:
    """A file of answers, made while it is read: a few lines ahead, so that every core has one to draw."""

    async def written(number: int, line: Line) -> bytes:
        before = NO_JSON if broken_line and number == 1 else b""
        return before + await asyncio.to_thread(_dumped, await write(line))

    async def content() -> AsyncIterator[bytes]:
        ahead = deque[asyncio.Task[bytes]]()
        try:
            for number, line in enumerate(lines):
                ahead.append(asyncio.create_task(written(number, line)))
                if len(ahead) > _CORES:
                    yield await ahead.popleft()
            while ahead:
                yield await ahead.popleft()
        finally:
            for task in ahead:  # the client has left
                task.cancel()

    return StreamingResponse(content(), media_type="application/octet-stream")


def body_of(response: EmulatedResponse) -> Any:
    """The JSON of an answer; its text where it is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return response.content.decode(errors="replace")


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
