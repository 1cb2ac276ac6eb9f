"""Answers that break below HTTP: silence, dropped and cut connections, dripping and endless bodies.

ASGI has no word for "close the socket", so the server's protocol puts its transport into the scope (see
`serving`). Waiting always also watches for the client (or the stopping server) to go away.
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

#: Key of the transport in the scope's extensions.
TRANSPORT: Final = "imagegen_nb.providers.http.transport"
HUGE_HEAD: Final = b'{"created":1,"data":[{"b64_json":"'
HUGE_TAIL: Final = b'"}]}'
BLOCK: Final = b"A" * 65_536


async def left(receive: Receive, seconds: float | None = None) -> bool:
    """Whether the client goes away within `seconds` (None: wait for ever)."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection's transport; RuntimeError under a server that does not hand it out."""
    transport = scope.get("extensions", {}).get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise RuntimeError("this fault needs the emulator's own server")
    return transport


class Hang(Response):
    """Says nothing until the client leaves."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait."""
        await left(receive)


class Drop(Response):
    """Closes the connection without a byte; with `reset`, by a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort."""
        transport = transport_of(scope)
        sock = transport.get_extra_info("socket")
        if self.reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await left(receive)


def cut(content: bytes, scope: Scope, headers: Mapping[str, str], media_type: str) -> StreamingResponse:
    """Promises all of `content`, sends half of it, closes."""
    half = content[: len(content) // 2]
    length = {"content-length": str(len(content))}
    return StreamingResponse(_severed([half], scope), headers={**headers, **length}, media_type=media_type)


def cut_stream(
    frames: Iterable[bytes], scope: Scope, headers: Mapping[str, str], media_type: str
) -> StreamingResponse:
    """Sends `frames` of an open-ended body, then closes without ending it."""
    return StreamingResponse(_severed(frames, scope), headers=headers, media_type=media_type)


async def _severed(chunks: Iterable[bytes], scope: Scope) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    # close() flushes what was written, abort() would throw it away: the half must arrive.
    transport_of(scope).close()
    await asyncio.Event().wait()  # cancelled as soon as the connection is gone


def drip(content: bytes, pause: float, headers: Mapping[str, str], media_type: str) -> StreamingResponse:
    """`content`, one byte every `pause` seconds."""

    async def drops() -> AsyncIterator[bytes]:
        for at in range(len(content)):
            yield content[at : at + 1]
            await asyncio.sleep(pause)

    length = {"content-length": str(len(content))}
    return StreamingResponse(drops(), headers={**headers, **length}, media_type=media_type)


def huge(size: int, headers: Mapping[str, str]) -> StreamingResponse:
    """A JSON body of `size` bytes, never held in memory."""

    async def blocks() -> AsyncIterator[bytes]:
        rest = max(0, size - len(HUGE_HEAD) - len(HUGE_TAIL))
        yield HUGE_HEAD
        while rest > 0:
            yield BLOCK[:rest]
            rest -= len(BLOCK)
            await asyncio.sleep(0)
        yield HUGE_TAIL

    return StreamingResponse(blocks(), headers=headers, media_type="application/json")


def paced(
    frames: tuple[bytes, ...], seconds: float, headers: Mapping[str, str], media_type: str
) -> StreamingResponse:
    """`frames` one by one, spread over `seconds`."""

    async def events() -> AsyncIterator[bytes]:
        for frame in frames:
            await asyncio.sleep(seconds / len(frames))
            yield frame

    return StreamingResponse(events(), headers=headers, media_type=media_type)
