"""From an SDK's call to an answer or an error of our own: deadlines, charges, nothing foreign kept."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import SecretStr

from imagegen_nb.credentials import Credential
from imagegen_nb.errors import ProviderError, ProviderFault, ProviderTimeout
from imagegen_nb.exchange import open_exchange
from imagegen_nb.providers.base import Connection

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
    async with open_exchange("openai", place) as exchange:
        with pytest.raises(ProviderError) as caught:
            await exchange.send(call or (lambda: exchange.client.post(place.base_url)))
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
    assert "within 0.5 s" in str(error)
    assert "127.0.0.1" in str(error)
    assert len(server.requests) == 1


async def test_a_deadline_that_has_passed_sends_nothing(raw_server):
    server = raw_server(OK)
    error = await failure_of(connection(server.url, -1))
    assert (type(error), error.charge) == (ProviderTimeout, "none")
    assert "charged" not in str(error)
    assert server.requests == []


async def test_no_deadline(raw_server):
    async with open_exchange("openai", connection(server_url := raw_server(OK).url)) as exchange:
        assert (await exchange.send(lambda: exchange.client.post(server_url))).status == 200


async def test_nobody_there():
    error = await failure_of(connection("http://127.0.0.1:9", 10))
    assert (type(error), error.charge) == (ProviderFault, "none")
    assert "could not connect" in str(error)
    assert "ConnectError" in str(error)


async def test_a_name_nobody_knows():
    error = await failure_of(connection("http://no-such-host.invalid", 10))
    assert (type(error), error.charge) == (ProviderFault, "none")


async def test_an_answer_counts_though_the_sdk_stumbles_over_it(raw_server):
    """SDKs raise for error statuses and for JSON they cannot read; the provider's file reads it itself."""
    server = raw_server(OK)
    async with open_exchange("openai", connection(server.url)) as exchange:

        async def call():
            await exchange.client.post(server.url)
            raise KeyError(KEY)

        assert (await exchange.send(call)).body == b"{}"


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
    async with open_exchange("openai", connection(server.url, 60)) as exchange:
        task = asyncio.create_task(exchange.send(lambda: exchange.client.post(server.url)))
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
    async with open_exchange("gemini", connection(server.url, 30)) as exchange:
        replies = await asyncio.gather(
            *(exchange.send(lambda: exchange.client.post(server.url), number=n) for n in range(8))
        )
    assert all(reply.request_id == f"id-{reply.body.decode()}" for reply in replies)
    assert len({reply.body for reply in replies}) == 8
