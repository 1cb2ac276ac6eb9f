"""Answers as streams: watched while they pass on their way to the run, and played again later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import httpx2

from imagegen_nb.errors import RecordingMissing
from imagegen_nb.replay.recording import CUT, Recording

LARGEST = 200 * 1024 * 1024
"""Bytes of an answer that are kept; the transport refuses larger ones."""

_EVENT = re.compile(rb".*?(?:\r?\n\r?\n|\Z)", re.DOTALL)


class Tee(httpx2.AsyncByteStream):
    """Hands an answer on as it comes. `done` hears once what came and how it ended."""

    def __init__(self, stream: httpx2.AsyncByteStream, done: Callable[[bytes, str], None]) -> None:
        self.stream = stream
        self.chunks: list[bytes] = []
        self.size = 0
        self.done: Callable[[bytes, str], None] | None = done

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.stream:
                self.size += len(chunk)
                if self.size <= LARGEST:
                    self.chunks.append(chunk)
                yield chunk
        except httpx2.TransportError as error:
            self._end(type(error).__name__)
            raise
        self._end("")

    async def aclose(self) -> None:
        """Close the connection's stream; the reader may have had enough before its end."""
        try:
            await self.stream.aclose()
        finally:
            self._end(CUT)

    def _end(self, how: str) -> None:
        done, self.done = self.done, None
        if done is not None and self.size <= LARGEST:
            done(b"".join(self.chunks), how)


class Played(httpx2.AsyncByteStream):
    """A recorded answer: event by event where it was a stream, ending as it ended."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    async def __aiter__(self) -> AsyncIterator[bytes]:
        answer = self.recording.answer
        for chunk in filter(None, _EVENT.findall(answer) if self.recording.streamed else [answer]):
            yield chunk
            await asyncio.sleep(0)  # others get their turn between events, as they do on a network
        ended = self.recording.ended
        if ended == CUT:
            raise RecordingMissing(
                f"the recorded answer ends here, because its run was stopped: {self.recording}. "
                "Record it again"
            )
        if ended:
            raise failure(ended)


def whole_events(answer: bytes) -> bytes:
    """`answer` up to the end of its last whole event."""
    events = _EVENT.findall(answer)
    return b"".join(event for event in events if event.endswith((b"\n\n", b"\r\n\r\n")))


def failure(name: str) -> httpx2.TransportError:
    """The HTTP client's error of that name, as it ended the recorded call."""
    kind = getattr(httpx2, name, None)
    if isinstance(kind, type) and issubclass(kind, httpx2.TransportError):
        return kind("recorded")
    return httpx2.TransportError("recorded")
