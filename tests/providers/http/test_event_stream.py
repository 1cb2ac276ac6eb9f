"""Events: what says nothing is passed over, and the last one needs no end."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.providers.http.event_stream import arriving_events, events

NOTHING = [
    "retry: 500\n\n",
    "event: ping\n\n",
    "id: 7\n: a comment\n\n",
    ": keep-alive\n\n",
    "data:\n\n",
    "data: \ndata:\n\n",
    "unknown: field\n\n",
    "\n\n",
    "retry: soon\nid\n\n",
    "data: [DONE]\n\n",
]


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk


def arriving(chunks: list[bytes]) -> list[tuple[str, str]]:
    async def read() -> list[tuple[str, str]]:
        return [(event.event, event.data) async for event in arriving_events(Chunks(chunks))]

    return asyncio.run(read())


@given(
    st.lists(st.sampled_from(NOTHING) | st.just("event: image\ndata: {}\n\n"), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_only_events_with_data_are_read(parts, newline, marked):
    body = ("\ufeff" if marked else "").encode() + "".join(parts).replace("\n", newline).encode()
    expected = [("image", "{}")] * parts.count("event: image\ndata: {}\n\n")
    assert [(event.event, event.data) for event in events(body)] == expected
    assert arriving(body.splitlines(keepends=True)) == expected


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_last_event_needs_no_end(end):
    body = f"event: done\ndata: [1,\ndata: 2]{end}".encode()
    assert [(event.event, event.data) for event in events(body)] == [("done", "[1,\n2]")]
    assert arriving([body]) == [("done", "[1,\n2]")]


def test_an_event_of_megabytes_is_read():
    body = b"data: " + b"A" * 30_000_000 + b"\n\n"
    assert [len(event.data) for event in events(body)] == [30_000_000]
