"""Answers as streams: observed while they pass to the run, and replayed later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Generator

import httpx2

from imagegen_nb.errors import RecordingMissing
from imagegen_nb.replay.recording import CUT, Recording

_EVENT = re.compile(rb".*?(?:\r?\n\r?\n|\Z)", re.DOTALL)


class ObservedStream(httpx2.AsyncByteStream):
    """Passes an answer on as it arrives. `on_end` is called once, with the body and how it ended."""

    def __init__(self, stream: httpx2.AsyncByteStream, on_end: Callable[[bytes, str], None]) -> None:
        self._stream = stream
        self._chunks: list[bytes] = []
        self._on_end: Callable[[bytes, str], None] | None = on_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._chunks.append(chunk)  # the transport, which reads them, bounds their size
                yield chunk
        except httpx2.TransportError as error:
            self._end(type(error).__name__)
            raise
        self._end("")

    async def aclose(self) -> None:
        """Close the connection's stream. A reader that closes before the end has left the answer `CUT`."""
        try:
            await self._stream.aclose()
        finally:
            self._end(CUT)

    def _end(self, ended: str) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(b"".join(self._chunks), ended)


class RestoredStream(httpx2.AsyncByteStream):
    """Passes an answer on in whole lines, each changed by `restore`: a chunk may end within a placeholder."""

    def __init__(self, stream: httpx2.AsyncByteStream, restore: Callable[[bytes], bytes]) -> None:
        self._stream = stream
        self._restore = restore

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pending: list[bytes] = []
        async for chunk in self._stream:
            head, newline, tail = chunk.rpartition(b"\n")
            if newline:
                yield self._restore(b"".join([*pending, head, newline]))
                pending.clear()
            pending.append(tail)
        if rest := b"".join(pending):
            yield self._restore(rest)

    async def aclose(self) -> None:
        """Close the connection's stream."""
        await self._stream.aclose()


class ReplayedStream(httpx2.AsyncByteStream):
    """A recorded answer, whose body comes in `pieces`: event by event where it was a stream of events, ending
    as it ended."""

    def __init__(self, recording: Recording, pieces: Generator[bytes, None, None]) -> None:
        self._recording = recording
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            events = self._recording.streamed and b"\n" in piece
            for chunk in filter(None, _EVENT.findall(piece) if events else [piece]):
                yield chunk
                await asyncio.sleep(0)  # let other tasks run between events, as they do on a network
        ended = self._recording.ended
        if ended == CUT:
            raise RecordingMissing(
                f"the recorded answer ends here, because its run was stopped: {self._recording}. "
                "Record it again"
            )
        if ended:
            raise transport_error(ended)

    async def aclose(self) -> None:
        """Let go of the file that is being read."""
        self._pieces.close()


def whole_events(body: bytes) -> bytes:
    """`body` up to the end of its last complete event."""
    events = _EVENT.findall(body)
    return b"".join(event for event in events if event.endswith((b"\n\n", b"\r\n\r\n")))


def transport_error(name: str) -> httpx2.TransportError:
    """The HTTP client's error of that name; a plain `TransportError` for a name it does not have."""
    kind = getattr(httpx2, name, None)
    if isinstance(kind, type) and issubclass(kind, httpx2.TransportError):
        return kind("recorded")
    return httpx2.TransportError("recorded")
