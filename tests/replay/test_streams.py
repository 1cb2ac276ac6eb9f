"""Answers that pass and answers that are played: every chunk, every way to end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable

import httpx2
import pytest

from imagegen_nb.errors import RecordingMissing
from imagegen_nb.replay.recording import CUT, Recording
from imagegen_nb.replay.streams import ObservedStream, ReplayedStream, transport_error, whole_events

EVENTS = [b"event: a\ndata: 1\n\n", b"data: 2\r\n\r\n", b"data: [DONE]\n\n"]


class Source(httpx2.AsyncByteStream):
    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self.closed += 1


def stream(answer: bytes, ended: str = "") -> ReplayedStream:
    return played([answer], ended)


def played(pieces: Iterable[bytes], ended: str = "") -> ReplayedStream:
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    recorded = Recording(
        method="POST", url="https://a.b/c", call="0", request_body=b"{}", status=200, headers=headers,
        ended=ended,
    )  # fmt: skip

    def reading() -> Generator[bytes, None, None]:
        yield from pieces

    return ReplayedStream(recorded, reading())


async def test_a_whole_answer_is_told_once():
    ended: list[tuple[bytes, str]] = []
    tee = ObservedStream(Source(b"ab", b"c"), lambda data, how: ended.append((data, how)))
    assert [chunk async for chunk in tee] == [b"ab", b"c"]
    await tee.aclose()
    assert ended == [(b"abc", "")]


async def test_an_answer_its_reader_leaves_is_cut():
    ended: list[tuple[bytes, str]] = []
    source = Source(b"ab", b"c")
    tee = ObservedStream(source, lambda data, how: ended.append((data, how)))
    async for _ in tee:
        break
    await tee.aclose()
    assert (ended, source.closed) == ([(b"ab", CUT)], 1)


async def test_an_answer_that_breaks_says_how():
    ended: list[tuple[bytes, str]] = []
    tee = ObservedStream(Source(b"ab", httpx2.ReadError("gone")), lambda data, how: ended.append((data, how)))
    with pytest.raises(httpx2.ReadError):
        [chunk async for chunk in tee]
    await tee.aclose()
    assert ended == [(b"ab", "ReadError")]


async def test_events_are_played_one_by_one():
    assert [chunk async for chunk in stream(b"".join(EVENTS))] == EVENTS
    assert [chunk async for chunk in stream(b"")] == []


async def test_events_are_played_one_by_one_around_the_pieces_of_an_image():
    pieces = [b"data: 1\n\ndata: ", b"A" * 100, b"A" * 50, b"\n\ndata: 3\n\n"]
    chunks = [b"data: 1\n\n", b"data: ", b"A" * 100, b"A" * 50, b"\n\n", b"data: 3\n\n"]
    assert [chunk async for chunk in played(pieces)] == chunks


async def test_a_reader_that_leaves_lets_go_of_what_is_read():
    left = []

    def reading():
        try:
            yield b"a"
            yield b"b"
        finally:
            left.append(True)

    answer = played(reading())
    assert await anext(aiter(answer)) == b"a"
    await answer.aclose()
    assert left == [True]


@pytest.mark.parametrize(("ended", "kind"), [(CUT, RecordingMissing), ("ReadError", httpx2.ReadError)])
async def test_a_played_answer_ends_as_it_ended(ended, kind):
    chunks = aiter(stream(EVENTS[0], ended))
    assert await anext(chunks) == EVENTS[0]
    with pytest.raises(kind):
        await anext(chunks)


def test_a_cut_stream_keeps_whole_events():
    assert whole_events(b"".join(EVENTS[:2]) + b"data: {torn") == b"".join(EVENTS[:2])
    assert whole_events(b"data: {torn") == b""


@pytest.mark.parametrize("name", ["Client", "os", "", "InvalidURL"])
def test_only_the_clients_own_errors_are_raised(name):
    assert type(transport_error(name)) is httpx2.TransportError
