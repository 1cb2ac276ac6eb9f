"""Server-sent events, read by the HTTP client's own parser and by no SDK's.

SDKs end a stream at what they don't know: a comment, an event without data. An image may come after it.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, cast

import httpx2

from imagegen_nb.providers.http.decoding import EVENT_STREAM

_NOTHING = ("", "[DONE]")
"""Data that says nothing: none, and the mark that some servers end a stream with."""
_EVENT_END = b"\n\n"
_UNBOUNDED = None
"""The transport bounds an answer's bytes already; an image is one event of megabytes."""


def events(body: bytes) -> Iterator[httpx2.ServerSentEvent]:
    """The events of a complete stream; events without data say nothing, and are left out."""
    response = _event_response(httpx2.ByteStream(body.removeprefix(codecs.BOM_UTF8) + _EVENT_END))
    for event in httpx2.EventSource(response, max_event_size=_UNBOUNDED):
        if event.data.strip() not in _NOTHING:
            yield event


async def arriving_events(
    stream: httpx2.AsyncByteStream,
) -> AsyncGenerator[httpx2.ServerSentEvent, None]:
    """The same of a stream that is still arriving."""
    source = httpx2.EventSource(_event_response(_Ended(stream)), max_event_size=_UNBOUNDED)
    async with aclosing(_generator(source)) as arriving:
        async for event in arriving:
            if event.data.strip() not in _NOTHING:
                yield event


class _Ended(httpx2.AsyncByteStream):
    """A stream of events without its byte order mark, and with the end its last event may lack."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        first = True
        async with aclosing(_generator(self._stream)) as chunks:
            async for chunk in chunks:
                yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
                first = False
        yield _EVENT_END


def _generator(stream: httpx2.EventSource | httpx2.AsyncByteStream) -> AsyncGenerator[Any, None]:
    """The iterator of `stream`, which has to be closed: left suspended, it would unwind in another run."""
    return cast("AsyncGenerator[Any, None]", aiter(cast("AsyncIterator[Any]", stream)))


def _event_response(stream: httpx2.AsyncByteStream | httpx2.SyncByteStream) -> httpx2.Response:
    """What the HTTP client's parser of events reads from; event streams are always UTF-8."""
    request = httpx2.Request("GET", "http://127.0.0.1")
    return httpx2.Response(200, headers={"content-type": EVENT_STREAM}, stream=stream, request=request)
