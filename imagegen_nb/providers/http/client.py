"""The guarded HTTP client of a `generate` call: an SDK's call becomes a response or one of our own errors.

The SDKs build the requests and `transport` carries them. A provider reads status, headers and body of the
captured response itself, so no SDK exception is ever kept: every failure is raised fresh, outside the
handler, from plain facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx2
from httpx2 import ServerSentEvent

from imagegen_nb.core import tracing
from imagegen_nb.core.background_loop import raise_if_cancelled
from imagegen_nb.core.loop_semaphore import LoopSemaphore
from imagegen_nb.core.open_files import OUT_OF_FILES, is_out_of_files, patiently
from imagegen_nb.core.redaction import scrub
from imagegen_nb.errors import (
    Charge,
    ImagegenError,
    ProviderError,
    ProviderFault,
    ProviderTimeout,
    RateLimited,
)
from imagegen_nb.providers.base import MORE_TIME, Connection
from imagegen_nb.providers.http import error_words
from imagegen_nb.providers.http.event_stream import arriving_events, events
from imagegen_nb.providers.http.rate_limiter import LONGEST_WAIT, limiter_for, sleep, with_jitter
from imagegen_nb.providers.http.response import ProviderResponse, is_success, safe_name
from imagegen_nb.providers.http.response import failure as by_status
from imagegen_nb.providers.http.transport import Capture, GuardedTransport, current, host_of
from imagegen_nb.providers.http.unreached import Unreached

T = TypeVar("T")

ReadRefusal = Callable[[ProviderResponse, Connection], ProviderError]
"""Makes the provider's error of a response that is no success: it tells a rate limit from a lack of money."""

_TOO_MANY = 429
_UNREACHED = frozenset(("ConnectError", "ConnectTimeout"))
"""The HTTP client's errors for a refused connection, one that was not established, and an unknown host."""
_MOST_ATTEMPTS = 6
_MOST_CONNECTS = 3
_LOOK_AGAIN = 0.5
"""Seconds between attempts while no file can be opened."""
_RECONNECT = 0.3
"""Seconds before the second attempt to connect; a multiple before each further one."""
_WORTH_REPORTING = 0.5
"""Seconds; shorter waits are not reported."""
_METHOD = "POST"
"""Of every call to a provider."""
_DEADLINE = "deadline"
_OUT_OF_FILES = "out of files"
_connections = LoopSemaphore(most=128, files=4)
"""The calls that have a connection at once; a run of ten images may make ten."""
_NOT_EMULATED = "x-imagegen-not-emulated"
"""The emulator's header that says so."""
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LINGER = 0.5
"""Seconds for the end of a stream whose last event has come."""


class ProviderClient:
    """The HTTP side of one `generate` call: `http` to hand to an SDK, and `send` around its calls.

    A call is made again only where it provably did not reach the model: no connection came about, or it was
    refused because too many requests came. Everything else may have been charged.
    """

    def __init__(
        self,
        provider: str,
        connection: Connection,
        http: httpx2.AsyncClient,
        read_refusal: ReadRefusal,
        model: str = "",
    ) -> None:
        self.provider = provider
        self.model = model
        self.connection = connection
        self.http = http
        self.read_refusal = read_refusal
        self._reported_until = 0.0

    async def send(self, call: Callable[[], Awaitable[object]], *, number: int = 0) -> ProviderResponse:
        """Run `call` (one SDK call, one request) and return the response, whatever its status.

        `number` tells identical requests of one run apart. Raises `ProviderTimeout`, `ProviderFault` or
        `InvalidResponse` when none came, `ReplayError` when a cassette stands in the way. A success that
        broke off is returned as far as it came: reading it raises the failure where it holds nothing.
        """
        attempts = _Attempts(self, number)
        async for attempt in attempts:
            async with attempt:
                await call()
        return self._response(attempts.last)

    async def open_stream(
        self, call: Callable[[], Awaitable[T]], *, downloads: bool = False
    ) -> tuple[T, None] | tuple[None, ProviderResponse]:
        """Run `call`, which starts a streamed response: its result, or the response if no stream started.

        With `downloads` anything is streamed, as it comes, without a bound on the whole.
        """
        attempts, result = _Attempts(self, streams=True, downloads=downloads), None
        async for attempt in attempts:
            async with attempt:
                result = await call()
        last = attempts.last
        if last.response is None and last.failure is None and last.refusal is None and result is not None:
            return result, None
        return None, self._response(last)

    @asynccontextmanager
    async def read_events(self, started: httpx2.Response) -> AsyncIterator[EventReader]:
        """The reader of a started stream, which is closed on leaving."""
        reader = EventReader(self, started)
        try:
            yield reader
        finally:
            await reader.close()

    def report_wait(self, reason: str, seconds: float) -> None:
        """Say that a call waits. Of calls that wait together, only the first reports it."""
        until = asyncio.get_running_loop().time() + seconds
        worth_it = seconds >= _WORTH_REPORTING and until > self._reported_until
        if self.connection.waiting is not None and worth_it:
            self._reported_until = until + _WORTH_REPORTING
            self.connection.waiting(round(seconds, 1), reason)

    @asynccontextmanager
    async def guard(self, capture: Capture) -> AsyncIterator[None]:
        """Make a call inside the block: under the deadline, observed by `capture`, and swallowing what it
        raises, of which only the name of the exception at its root is kept."""
        token = current.set(capture)
        deadline = asyncio.timeout_at(self.connection.deadline)
        try:
            async with deadline:
                yield
        # SDKs raise anything from httpx2 errors to JSONDecodeError; each may hold the request and so
        # the key. Only a name leaves this block.
        except Exception as error:  # noqa: BLE001
            capture.failure = _DEADLINE if deadline.expired() else _name_of(error)
            if is_out_of_files(error) and not capture.sent:
                capture.failure = _OUT_OF_FILES
        finally:
            current.reset(token)

    def _response(self, capture: Capture) -> ProviderResponse:
        """What a call brought. Raises its failure, also one that came as a success, or where an emulator
        does not speak for the provider."""
        response = capture.response
        if response is None:
            return self._incomplete(capture)
        if response.is_success and error_words.is_error(response.body):
            raise self.read_refusal(response, self.connection)
        emulated = safe_name(response.headers.get(_NOT_EMULATED))
        if emulated is None or self.connection.backend != "emulator":
            return response
        raise ProviderFault(
            f"not emulated: the emulator speaks for {emulated} only. Use the provider itself, with a key of "
            'your own (Workspace(..., backend="live")), or a model of a provider that is emulated',
            provider=self.provider,
        )

    def _incomplete(self, capture: Capture) -> ProviderResponse:
        """A success that broke off, as far as it came: its images are paid for. Raises any other failure."""
        error = self.failure_of(capture)
        received = capture.body
        came = is_success(capture.status) and received is not None and received.size
        if not isinstance(error, ProviderError) or not came or capture.refusal is not None:
            raise error
        assert received is not None
        text = scrub(received.text() or b"", capture.secrets)
        status = capture.status or 0
        return ProviderResponse(
            self.provider, status, capture.headers, text, broken=error, files=received.files
        )

    def failure_of(self, capture: Capture) -> ImagegenError:
        """The error for a call that brought no response, or not all of it."""
        if capture.refusal is not None:
            return capture.refusal
        charge: Charge = "unknown" if capture.sent else "none"
        where = host_of(self.connection.base_url)
        kind: type[ProviderError] = ProviderFault
        if capture.failure == _DEADLINE:
            kind = ProviderTimeout
            waited = "" if capture.sent or capture.way is None else f" ({capture.way.until_now()})"
            message = f"no complete response from {where} within {self.connection.timeout:g} s{waited}"
            message += f": {MORE_TIME}; "
            if capture.sent:
                message += "the request may have been carried out and charged, so it is not repeated"
            else:
                message += "nothing was sent"
        elif capture.failure == _OUT_OF_FILES:
            message = f"could not connect to {where}: {OUT_OF_FILES}; nothing was sent"
        elif capture.sent:
            message = f"the connection to {where} broke after the request was sent ({capture.failure})"
        else:
            reason = self._unreached(capture.unreached)
            message = f"could not connect to {where} ({capture.failure})"
            message += f": {reason}; nothing was sent" if reason else "; nothing was sent"
        return kind(
            message,
            provider=self.provider,
            request_id=capture.request_id,
            charge=charge,
        )

    def _unreached(self, why: Unreached | None) -> str:
        """Why a call did not leave, and where an emulator should have been, how to get one."""
        if why is None:
            return ""
        connection = self.connection
        if not why.refused or (connection.backend != "emulator" and not connection.send_to):
            return why.reason
        port = urlsplit(connection.send_to or connection.base_url).port
        return (
            f"{why.reason}. `imagegen-nb emulator --port {port}` starts an emulator there, "
            'backend="emulator" one of its own'
        )


class EventReader:
    """Reads a started stream event by event; `response` is what is known of it before its events."""

    def __init__(self, client: ProviderClient, started: httpx2.Response) -> None:
        named = {name.lower(): value for name, value in started.headers.items()}
        self.response = ProviderResponse(client.provider, started.status_code, named, b"")
        self._client = client
        self._started = started
        assert isinstance(started.stream, httpx2.AsyncByteStream)
        self._stream = _Kept(started.stream)
        self._events = arriving_events(self._stream)
        self._left: list[ServerSentEvent] = []
        self._failure: ImagegenError | None = None
        self._until: float | None = None
        self._any = False
        """Whether an event has come."""

    async def next(self) -> ServerSentEvent | None:
        """The next event, None at the end. Raises as `ProviderClient.send` does, unless it lingers.

        Before a failure comes what the last event holds, although its end is missing. Where none has come, a
        failure is the end too: `unread` may be an answer that was only declared to be a stream.
        """
        if self._failure is None:
            capture = Capture(sent=True, status=self.response.status, request_id=self.response.request_id)
            event = None
            async with self._client.guard(capture), asyncio.timeout_at(self._until):
                event = await anext(self._events, None)
            if capture.failure is None or self._until is not None:
                self._stream.forget(event)
                self._any = self._any or event is not None
                return event
            self._failure = self._client.failure_of(capture)
            if capture.refusal is None:
                self._stream.add(capture.cut_line)
                self._left = list(events(self._stream.unread))
                self._any = self._any or bool(self._left)
        if self._left:
            return self._left.pop(0)
        if self._until is not None or (not self._any and self.broken and self._stream.unread.strip()):
            return None
        raise self._failure

    @property
    def broken(self) -> ProviderError | None:
        """The failure that ended the stream too early, once it has been met."""
        return self._failure if isinstance(self._failure, ProviderError) else None

    def unread(self) -> ProviderResponse:
        """What came and was no event: an answer that was only declared to be a stream."""
        return replace(self.response, body=self._stream.unread, broken=self.broken)

    def linger(self) -> None:
        """All that was asked for has come: wait a moment for more, and take a failure for the end."""
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + _LINGER

    async def close(self) -> None:
        """Close the connection, and read to the end what has arrived: what is left in the middle stays
        suspended. Whatever goes wrong here changes nothing any more."""
        await self._started.aclose()
        with suppress(Exception):
            async with asyncio.timeout(_LINGER):
                async for _ in self._events:
                    pass
        await self._events.aclose()


class _Kept(httpx2.AsyncByteStream):
    """A stream that keeps what has come since the last whole event, and all of it before the first."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream
        self._chunks: list[bytes] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._chunks.append(chunk)
            yield chunk

    @property
    def unread(self) -> bytes:
        """The bytes that are kept."""
        return b"".join(self._chunks)

    def add(self, chunk: bytes) -> None:
        """Keep what has come outside the stream as well."""
        self._chunks.append(chunk)

    def forget(self, event: ServerSentEvent | None) -> None:
        """Drop what lies before the end of the last whole event, once there has been one."""
        if event is not None:
            kept = self.unread
            ends = [kept.rfind(end) + len(end) for end in _EVENT_ENDS if end in kept]
            self._chunks = [kept[max(ends, default=0) :]]


class _Attempts:
    """The attempts one call may have, as context managers to make it in; `last` is what became of it."""

    def __init__(
        self, client: ProviderClient, number: int = 0, *, streams: bool = False, downloads: bool = False
    ) -> None:
        self.last = Capture(number, streams, downloads)
        self._client = client
        self._connection = connection = client.connection
        replayed = connection.cassette is not None and connection.cassette.replaying
        # A cassette holds how a call ended: it is neither held back nor made again.
        self._limiter = None if replayed else limiter_for(client.provider, connection, client.model)
        self._made = 0
        self._refused = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AbstractAsyncContextManager[None]:
        raise_if_cancelled()
        if self._made and not await self._may_be_made_again():
            raise StopAsyncIteration
        if self._limiter is not None:
            report = partial(self._client.report_wait, "rate limit")
            if not await self._limiter.acquire(self._connection.deadline, report):
                if self._made:
                    raise StopAsyncIteration
                raise RateLimited(
                    "too many requests: this one would have to wait longer than "
                    f"{self._connection.timeout:g} s: {MORE_TIME}; nothing was sent",
                    provider=self._client.provider,
                )
        if self._made:
            self.last = self.last.again()
        self._made += 1
        return self._attempt()

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        if self._limiter is None:
            with self._span():
                async with self._client.guard(self.last):
                    yield
            return
        with self._limiter.in_flight() as refused:
            with self._span():
                async with self._client.guard(self.last), _connections():
                    yield
            seconds = self._refused_for()
            self._refused = seconds is not None
            if seconds is not None:
                refused(seconds)

    @contextmanager
    def _span(self) -> Iterator[None]:
        """The attempt's span: of a stream as far as its headers."""
        attributes = {
            "http.request.method": _METHOD,
            "http.request.resend_count": self._made - 1 or None,
            **tracing.server_of(self._connection.send_to or self._connection.base_url),
        }
        with tracing.span(_METHOD, attributes) as span:
            yield
            status, failure = self.last.status, self.last.failure
            span.set({"http.response.status_code": status})
            if status is not None and not is_success(status):
                span.fail(str(status))  # an SDK raises an error of its own for it
            elif failure:
                span.fail(failure)

    def _refused_for(self) -> float | None:
        """Seconds after which a call that was refused for its rate may be made again; None for any other."""
        response = self.last.response
        if response is None or response.status != _TOO_MANY:
            return None
        error = self._client.read_refusal(response, self._connection)
        if not isinstance(error, RateLimited):  # no money: waiting does not help
            return None
        seconds = 2.0 ** (self._made - 1) if error.retry_after is None else error.retry_after
        return with_jitter(seconds) if seconds <= LONGEST_WAIT else None

    async def _may_be_made_again(self) -> bool:
        """Whether the call did not reach the model and there is time for another attempt. The rate limiter
        waits after a refusal; after a failure to connect the wait is here."""
        if self._limiter is None:
            return False
        if self.last.failure == _OUT_OF_FILES:
            return await self._wait(_LOOK_AGAIN, "open files")
        if self._made >= _MOST_ATTEMPTS:
            return False
        if self._refused:
            return True
        reached = self.last.sent or self.last.refusal is not None or self.last.response is not None
        if reached or self._made >= _MOST_CONNECTS or not _may_pass(self.last):
            return False
        return await self._wait(with_jitter(_RECONNECT * self._made), "no connection")

    async def _wait(self, seconds: float, reason: str) -> bool:
        """Wait before the next attempt; false at once where that is past the deadline."""
        deadline = self._connection.deadline
        if deadline is not None and asyncio.get_running_loop().time() + seconds >= deadline:
            return False
        self._client.report_wait(reason, seconds)
        await sleep(seconds)
        return True


@asynccontextmanager
async def open_client(
    provider: str, connection: Connection, read_refusal: ReadRefusal = by_status, *, model: str = ""
) -> AsyncIterator[ProviderClient]:
    """A `ProviderClient` for one `generate` call; its connections are closed on leaving. Calls for the same
    `model` share their rate limiter.

    `read_refusal` makes the provider's error of a response that is no success, to tell a refusal for the rate
    of requests, after which a call is made again, from one for lack of money.
    """
    # In a thread: certificates are read, and modules loaded, from files.
    transport = await asyncio.to_thread(
        patiently, partial(GuardedTransport, provider, connection), is_out_of_files
    )
    async with httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False) as http:
        yield ProviderClient(provider, connection, http, read_refusal, model)


def _may_pass(capture: Capture) -> bool:
    """Whether a connection that did not come about may do so in a moment: certificates do not change."""
    if capture.unreached is not None:
        return capture.unreached.passing
    return capture.failure in _UNREACHED


def _name_of(error: BaseException) -> str:
    """The name of the HTTP error under an SDK's wrapping, or of the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__.startswith("httpx2"):
            return type(cause).__name__
        cause = cause.__cause__
    return type(error).__name__
