"""From an SDK's call to an answer or an error of our own: deadlines, charges, nothing foreign kept."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace

import httpx2
import pytest
from pydantic import SecretStr

from imagegen_nb.errors import ProviderError, ProviderFault, ProviderTimeout, QuotaExhausted, RateLimited
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.http.client import open_client

KEY = "a-key-0123456789"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def connection(url: str, seconds: float | None = None) -> Connection:
    """A connection whose deadline is `seconds` from now."""
    now = asyncio.get_running_loop().time()
    return Connection(
        base_url=url,
        credential=Credential(SecretStr(KEY), "nobody"),
        deadline=None if seconds is None else now + seconds,
        timeout=seconds or 300,
    )


async def failure_of(place: Connection, call=None) -> ProviderError:
    async with open_client("openai", place) as client:
        with pytest.raises(ProviderError) as caught:
            (await client.send(call or (lambda: client.http.post(place.base_url)))).json()
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


def silent(write, over) -> None:
    over.wait(60)


def dripping(write, over) -> None:
    write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while not over.wait(0.05):
        write(b"x")


def dripping_headers(write, over) -> None:
    write(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.05):
        write(b"x-a: b\r\n")


@pytest.mark.parametrize("answer", [silent, dripping, dripping_headers])
async def test_one_deadline_for_everything(raw_server, answer):
    server = raw_server(answer)
    started = asyncio.get_running_loop().time()
    error = await failure_of(connection(server.url, 0.5))
    assert asyncio.get_running_loop().time() - started < 10
    assert (type(error), error.charge, error.provider) == (ProviderTimeout, "unknown", "openai")
    assert "within 0.5 s: allow more by Workspace(timeout=...), or --timeout; the request may" in str(error)
    assert "127.0.0.1" in str(error)
    assert len(server.requests) == 1


async def test_a_deadline_that_has_passed_sends_nothing(raw_server):
    server = raw_server(OK)
    error = await failure_of(connection(server.url, -1))
    assert (type(error), error.charge) == (ProviderTimeout, "none")
    assert "charged" not in str(error)
    assert error.message.endswith("allow more by Workspace(timeout=...), or --timeout; nothing was sent")
    assert server.requests == []


async def test_no_deadline(raw_server):
    async with open_client("openai", connection(server_url := raw_server(OK).url)) as client:
        assert (await client.send(lambda: client.http.post(server_url))).status == 200


async def test_nobody_there(waits):
    error = await failure_of(connection("http://127.0.0.1:9", 10))
    assert (type(error), error.charge) == (ProviderFault, "none")
    assert "could not connect" in str(error)
    assert "ConnectError" in str(error)


def unreachable(how):
    """A call that meets what the HTTP client raises before anything is sent."""
    calls = []

    async def call():
        calls.append(how)
        raise how("nobody there")

    return call, calls


@pytest.mark.parametrize("how", [httpx2.ConnectError, httpx2.ConnectTimeout])
async def test_who_was_not_reached_is_tried_again(how, waits):
    call, calls = unreachable(how)
    error = await failure_of(connection("http://127.0.0.1:9", 10), call)
    assert (type(error), error.charge) == (ProviderFault, "none")
    assert (len(calls), len(waits)) == (3, 2)


@pytest.mark.parametrize("how", [httpx2.ReadTimeout, httpx2.RemoteProtocolError, httpx2.WriteError])
async def test_what_may_have_been_reached_is_not(how, waits):
    call, calls = unreachable(how)
    await failure_of(connection("http://127.0.0.1:9", 10), call)
    assert (len(calls), waits) == (1, [])


async def test_nobody_tries_past_the_deadline(waits):
    call, calls = unreachable(httpx2.ConnectError)
    await failure_of(connection("http://127.0.0.1:9", 0.2), call)
    assert (len(calls), waits) == (1, [])


async def test_who_comes_back_is_reached(raw_server, waits):
    server = raw_server(OK)
    told, attempts = [], []
    place = replace(connection(server.url, 30), waiting=lambda seconds, reason: told.append(reason))

    async def call():
        attempts.append(1)
        port = server.url if len(attempts) == 3 else "http://127.0.0.1:9"
        async with httpx2.AsyncClient() as other:
            return await (client.http.post(port) if port == server.url else other.post(port))

    async with open_client("openai", place) as client:
        assert (await client.send(call)).status == 200
    assert (len(attempts), len(server.requests)) == (3, 1)


REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_refusal_is_read_by_who_knows_the_provider(raw_server, waits):
    """Too many requests and too little money come with the same status."""
    server = raw_server(REFUSED)
    async with open_client("openai", connection(server.url, 30)) as client:
        assert (await client.send(lambda: client.http.post(server.url))).status == 429
    assert len(server.requests) == 6
    server.requests.clear()
    waits.clear()

    def no_money(response, place):
        return QuotaExhausted("no money")

    other = replace(connection(server.url, 30), credential=Credential(SecretStr("other"), "nobody"))
    async with open_client("openai", other, no_money) as client:
        assert (await client.send(lambda: client.http.post(server.url))).status == 429
    assert (len(server.requests), waits) == (1, [])


async def test_who_cannot_have_a_turn_in_time_is_told_so_and_nothing_is_sent(raw_server, waits):
    server = raw_server(REFUSED.replace(b": 3", b": 50"))
    async with open_client("openai", connection(server.url, 30)) as client:
        await client.send(lambda: client.http.post(server.url))
    error = await failure_of(connection(server.url, 30))
    assert (type(error), error.charge) == (RateLimited, "none")
    assert "nothing was sent" in str(error)
    assert len(server.requests) == 1


async def test_cancelling_a_wait_sends_nothing(raw_server):
    server = raw_server(REFUSED)
    waiting = asyncio.Event()
    place = replace(connection(server.url, 30), waiting=lambda seconds, reason: waiting.set())
    async with open_client("openai", place) as client:
        task = asyncio.create_task(client.send(lambda: client.http.post(server.url)))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.requests) == 1


async def test_a_cancel_that_a_library_lost_ends_the_call_before_it_is_made_again(raw_server):
    server = raw_server(REFUSED)
    refused = asyncio.Event()

    async def call() -> None:
        await client.http.post(server.url)
        refused.set()
        with suppress(asyncio.CancelledError):  # as anyio may, which takes it for one of its own
            await asyncio.Event().wait()

    async with open_client("openai", connection(server.url, 30)) as client:
        task = asyncio.create_task(client.send(call))
        await refused.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.requests) == 1


async def test_a_name_nobody_knows(waits):
    error = await failure_of(connection("http://no-such-host.invalid", 10))
    assert (type(error), error.charge) == (ProviderFault, "none")


async def test_an_answer_counts_though_the_sdk_stumbles_over_it(raw_server):
    """SDKs raise for error statuses and for JSON they cannot read; the provider's file reads it itself."""
    server = raw_server(OK)
    async with open_client("openai", connection(server.url)) as client:

        async def call():
            await client.http.post(server.url)
            raise KeyError(KEY)

        assert (await client.send(call)).body == b"{}"


@pytest.mark.parametrize(
    "error", [KeyError(KEY), OSError(KEY), ValueError(KEY), TimeoutError(KEY), MemoryError()]
)
async def test_whatever_an_sdk_raises_is_reduced_to_its_name(error):
    async def call():
        raise error

    told = await failure_of(connection("http://127.0.0.1:9", 10), call)
    assert (type(told), told.charge) == (ProviderFault, "none")
    assert type(error).__name__ in str(told)
    assert KEY not in str(told)


async def test_a_call_that_sends_nothing_is_a_fault():
    async def call():
        return None

    told = await failure_of(connection("http://127.0.0.1:9", 10), call)
    assert (type(told), told.charge) == (ProviderFault, "none")


async def test_the_name_of_the_http_error_under_the_sdks_own():
    async def call():
        try:
            raise OSError(KEY)
        except OSError as error:
            raise RuntimeError(KEY) from error

    assert KEY not in str(await failure_of(connection("http://127.0.0.1:9", 10), call))


async def test_cancelling_is_not_an_error_of_the_provider(raw_server):
    arrived = threading.Event()

    def answer(write, over) -> None:
        arrived.set()
        silent(write, over)

    server = raw_server(answer)
    async with open_client("openai", connection(server.url, 60)) as client:
        task = asyncio.create_task(client.send(lambda: client.http.post(server.url)))
        await asyncio.to_thread(arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_calls_of_one_exchange_do_not_mix_up_their_answers(raw_server):
    """Each names its own request, however they overlap."""
    numbers = iter(range(100))

    def answer(write, over) -> None:
        number = next(numbers)
        over.wait(0.02 * (number % 3))
        write(
            f"HTTP/1.1 200 OK\r\nx-request-id: id-{number}\r\nconnection: close\r\n"
            f"content-length: {len(str(number))}\r\n\r\n{number}".encode()
        )

    server = raw_server(answer)
    async with open_client("gemini", connection(server.url, 30)) as client:
        responses = await asyncio.gather(
            *(client.send(lambda: client.http.post(server.url), number=n) for n in range(8))
        )
    assert all(response.request_id == f"id-{response.body.decode()}" for response in responses)
    assert len({response.body for response in responses}) == 8
