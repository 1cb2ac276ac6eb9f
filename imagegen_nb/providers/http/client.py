"""One guarded HTTP exchange: how a provider's call becomes an answer or one of our own errors.

The SDKs build the requests and `transport` carries them. A provider reads status, headers and body
of the captured answer itself, so no SDK exception is ever kept: every failure is raised fresh,
outside the handler, from plain facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import httpx2

from imagegen_nb.errors import (
    Charge,
    ImagegenError,
    ProviderError,
    ProviderFault,
    ProviderTimeout,
    RateLimited,
)
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.http.rate_limiter import LONGEST_WAIT, gate_of, sleep, with_jitter
from imagegen_nb.providers.http.response import Reply, words
from imagegen_nb.providers.http.response import failure as by_status
from imagegen_nb.providers.http.transport import Capture, GuardedTransport, current, host_of

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

ReadRefusal = Callable[[Reply, Connection], ProviderError]
"""How a provider's answers that are no success are read: whether one is about rate or about money."""

_TOO_MANY = 429
_UNREACHED = frozenset(("ConnectError", "ConnectTimeout"))
"""What the HTTP client says of a refused connection, one that did not come about, and an unknown name."""
_MOST_ATTEMPTS = 6
_MOST_CONNECTS = 3
_RECONNECT = 0.3
"""Seconds before the second attempt to connect; a multiple before each further one."""
_WORTH_TELLING = 0.5
"""Seconds of waiting that somebody who looks on would wonder about."""
_DEADLINE = "deadline"
_NOT_EMULATED = "x-imagegen-not-emulated"
"""The emulator's header that says so."""
_LINGER = 0.5
"""Seconds for the end of a stream whose last event has come."""


class Exchange:
    """The HTTP side of one `generate` call: a client to hand to an SDK, and `send` around its calls.

    A call is made again only where it provably did not reach the model: no connection came about, or it was
    refused because too many requests came. Everything else may have been charged.
    """

    def __init__(
        self, provider: str, connection: Connection, client: httpx2.AsyncClient, read_refusal: ReadRefusal
    ) -> None:
        self.provider = provider
        self.connection = connection
        self.client = client
        self._read_refusal = read_refusal
        self._told_until = 0.0

    async def send(self, call: Callable[[], Awaitable[object]], *, number: int = 0) -> Reply:
        """Run `call` (one SDK call, one request) and return the answer, whatever its status.

        `number` tells identical requests of one run apart. Raises `ProviderTimeout`,
        `ProviderFault` or `InvalidResponse` when no whole answer came, `ReplayError` when a cassette
        stands in the way.
        """
        capture, _, failure = await self._made(call, number)
        if capture.reply is None:
            raise self._error(capture, failure)
        return self._emulated(capture.reply)

    async def open_stream(self, call: Callable[[], Awaitable[T]]) -> tuple[T | None, Reply | None]:
        """Run `call`, which starts a streamed answer: its result, or the reply if none started."""
        capture, result, failure = await self._made(call)
        if capture.reply is not None:
            return None, self._emulated(capture.reply)
        if failure is not None:
            raise self._error(capture, failure)
        return result, None

    async def next_event(self, events: AsyncIterator[T], reply: Reply, reported: type[E]) -> T | E | None:
        """The next event of the started stream `reply`, None at its end; raises as `send` does.

        `reported` is the SDK's exception for an error the provider reports inside the stream. It is
        returned, to be read and dropped, when it is exactly that class: its subclasses are failures.
        """

        async def step() -> T | E | None:
            try:
                return await anext(events)
            except StopAsyncIteration:
                return None
            except reported as error:
                if type(error) is reported:
                    return error
                raise

        capture = Capture(sent=True, status=reply.status, request_id=reply.request_id)
        event, failure = await self._guarded(capture, step)
        if failure is not None:
            raise self._error(capture, failure)
        return event

    async def drain(self, events: AsyncIterator[T]) -> None:
        """Read what follows the last event that matters, for a moment: a stream that was read to its end
        leaves nothing suspended behind. Whatever goes wrong here changes nothing any more."""
        with suppress(Exception):
            async with asyncio.timeout(_LINGER):
                async for _ in events:
                    pass

    def streaming_reply(self, headers: Mapping[str, str]) -> Reply:
        """The answer a stream belongs to: what is known of it before its events."""
        return Reply(self.provider, 200, {name.lower(): value for name, value in headers.items()}, b"")

    async def _made(
        self, call: Callable[[], Awaitable[T]], number: int = 0
    ) -> tuple[Capture, T | None, str | None]:
        """What became of `call`, after as many attempts as it may have. Raises `RateLimited` for none."""
        cassette, capture, made = self.connection.cassette, Capture(number), None
        if cassette is not None and cassette.replaying:  # a cassette holds how it ended
            return capture, *await self._guarded(capture, call)
        gate = gate_of(self.provider, self.connection)
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            if not await gate.turn(self.connection.deadline, partial(self._tell, "rate limit")):
                break
            with gate.passing() as refused:
                made = capture, *await self._guarded(capture, call)
                wait = self._refused_for(capture, attempt)
                if wait is not None:
                    refused(wait)
            if wait is None and not await self._may_connect_yet(made, attempt):
                break
            capture = capture.again()
        if made is None:
            raise RateLimited(
                f"too many requests: the turn of this one would come after {self.connection.timeout:g} s; "
                "nothing was sent",
                provider=self.provider,
            )
        return made

    def _refused_for(self, capture: Capture, attempt: int) -> float | None:
        """Seconds after which a call that was refused for its rate may be made again; None for any other."""
        if capture.reply is None or capture.reply.status != _TOO_MANY:
            return None
        error = self._read_refusal(capture.reply, self.connection)
        if not isinstance(error, RateLimited):  # no money: waiting does not help
            return None
        seconds = 2.0 ** (attempt - 1) if error.retry_after is None else error.retry_after
        return with_jitter(seconds) if seconds <= LONGEST_WAIT else None

    async def _may_connect_yet(self, made: tuple[Capture, object, str | None], attempt: int) -> bool:
        """Whether nobody was reached, and there is time to try again; it has been waited then."""
        capture, _, failure = made
        reached = capture.sent or capture.refusal is not None or capture.reply is not None
        if reached or failure not in _UNREACHED or attempt >= _MOST_CONNECTS:
            return False
        seconds, deadline = with_jitter(_RECONNECT * attempt), self.connection.deadline
        if deadline is not None and asyncio.get_running_loop().time() + seconds >= deadline:
            return False
        self._tell("no connection", seconds)
        await sleep(seconds)
        return True

    def _tell(self, reason: str, seconds: float) -> None:
        """Say that a call waits. Of calls that wait together, each would say nearly the same."""
        until = asyncio.get_running_loop().time() + seconds
        if self.connection.waiting is not None and seconds >= _WORTH_TELLING and until > self._told_until:
            self._told_until = until + _WORTH_TELLING
            self.connection.waiting(round(seconds, 1), reason)

    async def _guarded(
        self, capture: Capture, call: Callable[[], Awaitable[T]]
    ) -> tuple[T | None, str | None]:
        """The call's result, or the name of the exception at the root of its failure."""
        token = current.set(capture)
        deadline = asyncio.timeout_at(self.connection.deadline)
        try:
            async with deadline:
                return await call(), None
        # SDKs raise anything from httpx2 errors to JSONDecodeError; each may hold the request and so
        # the key. Only a name leaves this block.
        except Exception as error:  # noqa: BLE001
            return None, _DEADLINE if deadline.expired() else _name_of(error)
        finally:
            current.reset(token)

    def _emulated(self, reply: Reply) -> Reply:
        """The answer, unless an emulator says that it does not speak for the provider."""
        emulated = words(reply.headers.get(_NOT_EMULATED))
        if emulated is None or self.connection.backend != "emulator":
            return reply
        raise ProviderFault(
            f"not emulated: the emulator speaks for {emulated} only. Use the provider itself, with a key of "
            'your own (Workspace(..., backend="live")), or a model of a provider that is emulated',
            provider=self.provider,
        )

    def _error(self, capture: Capture, failure: str | None) -> ImagegenError:
        if capture.refusal is not None:
            return capture.refusal
        charge: Charge = "unknown" if capture.sent else "none"
        where = host_of(self.connection.base_url)
        if failure == _DEADLINE:
            message = f"no complete answer from {where} within {self.connection.timeout:g} s"
            if capture.sent:
                message += "; the images may have been made and charged, so the call is not repeated"
            kind: type[ProviderError] = ProviderTimeout
        elif not capture.sent:
            kind = ProviderFault
            message = f"could not connect to {where} ({failure}); nothing was sent"
        else:
            kind = ProviderFault
            message = f"the connection to {where} broke after the request was sent ({failure})"
        return kind(
            message,
            provider=self.provider,
            request_id=capture.request_id,
            charge=charge,
        )


@asynccontextmanager
async def open_exchange(
    provider: str, connection: Connection, read_refusal: ReadRefusal = by_status
) -> AsyncIterator[Exchange]:
    """An `Exchange` for one `generate` call; its connections are closed on leaving.

    `read_refusal` makes the provider's error of an answer that is no success, to tell a refusal for the rate
    of requests, after which a call is made again, from one for lack of money.
    """
    transport = GuardedTransport(provider, connection)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False) as client:
        yield Exchange(provider, connection, client, read_refusal)


def _name_of(error: BaseException) -> str:
    """The name of the HTTP error under an SDK's wrapping, or of the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__.startswith("httpx2"):
            return type(cause).__name__
        cause = cause.__cause__
    return type(error).__name__
