"""Faults below HTTP: silence, dropped and cut connections, dripping and endless bodies.

ASGI cannot close a connection, so the server puts its transport into the scope (see `uvicorn_server`). Every
wait ends when the client disconnects or the server stops.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from starlette.types import Receive, Scope, Send

    from imagegen_nb.emulator.responses import EmulatedResponse

#: Key of the transport in the scope's extensions.
TRANSPORT: Final = "imagegen_nb.emulator.transport"
_HUGE_HEAD: Final = b'{"created":1,"data":[{"b64_json":"'
_HUGE_TAIL: Final = b'"}]}'
_HUGE_BLOCK: Final = b"A" * 65_536


async def client_left(receive: Receive, seconds: float | None = None) -> bool:
    """Whether the client disconnects within `seconds` (None: wait for ever)."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _transport_of(scope: Scope) -> asyncio.Transport:
    """The connection's transport; RuntimeError under a server that does not hand it out."""
    transport = scope.get("extensions", {}).get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise RuntimeError("this fault needs the emulator's own server")
    return transport


class Hang(Response):
    """Says nothing until the client leaves."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait."""
        await client_left(receive)


class Drop(Response):
    """Closes the connection without a byte; with `reset`, by a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort."""
        transport = _transport_of(scope)
        sock = transport.get_extra_info("socket")
        if self.reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await client_left(receive)


def cut(response: EmulatedResponse, scope: Scope, sent: float) -> StreamingResponse:
    """Promises the whole body, sends the part `sent` of it, closes."""
    beginning = response.content[: int(len(response.content) * sent)]
    return StreamingResponse(
        _send_and_close([beginning], scope), headers=_with_length(response), media_type=response.media_type
    )


def cut_stream(response: EmulatedResponse, scope: Scope) -> StreamingResponse:
    """Sends the frames of an open-ended body, then closes without ending it."""
    return StreamingResponse(
        _send_and_close(response.frames, scope), headers=response.headers, media_type=response.media_type
    )


async def _send_and_close(chunks: Iterable[bytes], scope: Scope) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    # close() flushes what was written, abort() would throw it away: the beginning must arrive.
    _transport_of(scope).close()
    await asyncio.Event().wait()  # cancelled as soon as the connection is gone


def drip(response: EmulatedResponse, pause: float) -> StreamingResponse:
    """The body, one byte every `pause` seconds."""
    content = response.content

    async def single_bytes() -> AsyncIterator[bytes]:
        for position in range(len(content)):
            yield content[position : position + 1]
            await asyncio.sleep(pause)

    return StreamingResponse(single_bytes(), headers=_with_length(response), media_type=response.media_type)


def huge(size: int, headers: Mapping[str, str]) -> StreamingResponse:
    """A JSON body of `size` bytes, never held in memory."""

    async def blocks() -> AsyncIterator[bytes]:
        remaining = max(0, size - len(_HUGE_HEAD) - len(_HUGE_TAIL))
        yield _HUGE_HEAD
        while remaining > 0:
            yield _HUGE_BLOCK[:remaining]
            remaining -= len(_HUGE_BLOCK)
            await asyncio.sleep(0)
        yield _HUGE_TAIL

    return StreamingResponse(blocks(), headers=headers, media_type="application/json")


def _with_length(response: EmulatedResponse) -> dict[str, str]:
    return {**response.headers, "content-length": str(len(response.content))}
