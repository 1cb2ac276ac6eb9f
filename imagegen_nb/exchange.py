"""One guarded HTTP exchange: how a provider's call becomes an answer or one of our own errors.

The SDKs build the requests and `transport` carries them. A provider reads status, headers and body
of the captured answer itself, so no SDK exception is ever kept: every failure is raised fresh,
outside the handler, from plain facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import httpx2

from imagegen_nb.errors import Charge, ImagegenError, ProviderError, ProviderFault, ProviderTimeout
from imagegen_nb.providers.base import Connection
from imagegen_nb.replies import Reply
from imagegen_nb.transport import Capture, GuardedTransport, current, host_of

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

_DEADLINE = "deadline"
_LINGER = 0.5
"""Seconds for the end of a stream whose last event has come."""


class Exchange:
    """The HTTP side of one `generate` call: a client to hand to an SDK, and `send` around its calls."""

    def __init__(self, provider: str, connection: Connection, client: httpx2.AsyncClient) -> None:
        self.provider = provider
        self.connection = connection
        self.client = client

    async def send(self, call: Callable[[], Awaitable[object]], *, number: int = 0) -> Reply:
        """Run `call` (one SDK call, one request) and return the answer, whatever its status.

        `number` tells identical requests of one run apart. Raises `ProviderTimeout`,
        `ProviderFault` or `InvalidResponse` when no whole answer came, `ReplayError` when a cassette
        stands in the way.
        """
        capture = Capture(number)
        _, failure = await self._guarded(capture, call)
        if capture.reply is None:
            raise self._error(capture, failure)
        return capture.reply

    async def open_stream(self, call: Callable[[], Awaitable[T]]) -> tuple[T | None, Reply | None]:
        """Run `call`, which starts a streamed answer: its result, or the reply if none started."""
        capture = Capture()
        result, failure = await self._guarded(capture, call)
        if capture.reply is not None:
            return None, capture.reply
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
async def open_exchange(provider: str, connection: Connection) -> AsyncIterator[Exchange]:
    """An `Exchange` for one `generate` call; its connections are closed on leaving."""
    transport = GuardedTransport(provider, connection)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False) as client:
        yield Exchange(provider, connection, client)


def _name_of(error: BaseException) -> str:
    """The name of the HTTP error under an SDK's wrapping, or of the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__.startswith("httpx2"):
            return type(cause).__name__
        cause = cause.__cause__
    return type(error).__name__
