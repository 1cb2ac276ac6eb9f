"""The loopback server with canned answers, in a process of its own so that its CPU is not counted.

`/{pixels}-{media}-{latency in ms}/{provider}/…` answers in that provider's format. It speaks as much HTTP as
clients need here, and does nothing per request but wait and write.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from benchmarks.bodies import Body, body
from benchmarks.pictures import kept

_LINE = re.compile(rb"\w+ /(\d+)-(\w+)-(\d+)/(\w+)/")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
_LOST = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}"


def address(server: str, provider: str, pixels: int, media: str = "png", latency: float = 0) -> str:
    """The base URL where `server` answers as `provider`, `latency` seconds after it was asked."""
    path = {"openai": "/v1", "xai": "/v1", "gemini": ""}[provider]
    return f"{server}/{pixels}-{media}-{latency * 1000:.0f}/{provider}{path}"


@contextmanager
def serving(pictures: Path, sizes: Iterable[int] = ()) -> Iterator[str]:
    """The address of a server that runs inside the block; `pictures` is where it keeps its pictures, of which
    those of `sizes` are made before."""
    for pixels, media in itertools.product(sizes, ("png", "jpeg")):
        kept(pictures, pixels, media)
    command = [sys.executable, "-m", "benchmarks.server", str(pictures)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


class _Connection(asyncio.Protocol):
    """One client's connection; requests on it are answered one after the other."""

    def __init__(self, pictures: Path) -> None:
        self._pictures = pictures
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(rest) < (int(length[1]) if length else 0):
            return
        self._received.clear()  # nobody here sends a request before the last was answered
        if asked := _LINE.match(head):
            pixels, media, latency, provider = (part.decode() for part in asked.groups())
            answer = _canned(self._pictures, provider, int(pixels), media)
            asyncio.get_running_loop().call_later(int(latency) / 1000, self._answer, answer)
        else:
            self._transport.write(_LOST)

    def _answer(self, answer: Body) -> None:
        if not self._transport.is_closing():
            self._transport.writelines([_HEAD.format(answer.length).encode(), *answer.parts()])


@cache
def _canned(pictures: Path, provider: str, pixels: int, media: str) -> Body:
    return body(provider, kept(pictures, pixels, media), media)


async def _serve(pictures: Path) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(pictures), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its parent reads it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
