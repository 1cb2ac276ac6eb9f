"""What may leave and how much may come back, below every SDK."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import httpx2
import pytest
from pydantic import SecretStr

from imagegen_nb.errors import InvalidResponse, ProviderError, ProviderFault
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.http import transport
from imagegen_nb.providers.http.client import open_client
from imagegen_nb.providers.http.response import ProviderResponse

KEY = "a-key-0123456789"
CAP = 100_000


def connection(url: str, **options) -> Connection:
    return Connection(base_url=url, credential=Credential(SecretStr(KEY), "nobody"), **options)


def http(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    named = {"content-length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


async def post(place: Connection, url: str | None = None, **options):
    """One client of one request; the response, or the error."""
    async with open_client("openai", place) as client:
        try:
            return await client.send(lambda: client.http.post(url or place.base_url, **options))
        except ProviderError as caught:
            error = caught
    assert error.__context__ is error.__cause__ is None
    return error


@pytest.mark.parametrize("path", ["", "/v1/images", "/../other", "//double", "?query=1"])
async def test_requests_to_the_own_origin_pass(raw_server, path):
    server = raw_server(http())
    response = await post(connection(server.url), server.url + path)
    assert (response.status, response.body) == (200, b"{}")
    assert len(server.requests) == 1


@pytest.mark.parametrize("change", ["port", "host", "scheme", "user"])
async def test_requests_elsewhere_are_stopped_before_they_leave(raw_server, change):
    own, other = raw_server(http()), raw_server(http())
    port = own.url.rpartition(":")[2]
    url = {
        "port": other.url,
        "host": f"http://localhost:{port}/",
        "scheme": f"https://127.0.0.1:{port}/",
        "user": other.url.replace("127.0.0.1", "127.0.0.1@127.0.0.1"),
    }[change]
    error = await post(connection(own.url), url)
    assert (type(error), error.charge) == (ProviderFault, "none")
    assert "stopped before it left" in str(error)
    assert own.requests == other.requests == []


async def test_headers_nobody_asked_for_stay_here(raw_server):
    server = raw_server(http())
    strange = {
        "X-Api-Key": "canary",
        "Cookie": "canary",
        "OpenAI-Organization": "canary",
        "X-Stainless-Os": "canary",
    }
    await post(connection(server.url), headers={"Authorization": f"Bearer {KEY}", **strange}, json={"a": 1})
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == b'{"a":1}'
    assert "canary" not in str(request.headers)


@pytest.mark.parametrize(("backend", "present"), [("emulator", True), ("live", False)])
async def test_only_the_emulator_is_told_the_number_of_the_call(raw_server, backend, present):
    server = raw_server(http())
    async with open_client("gemini", connection(server.url, backend=backend)) as client:
        await client.send(lambda: client.http.post(server.url), number=4)
    (request,) = server.requests
    assert (request.headers.get("x-imagegen-nb-call") == "4") == present


async def test_the_host_header_cannot_be_chosen(raw_server):
    server = raw_server(http())
    await post(connection(server.url), headers={"Host": "elsewhere.example"})
    assert server.requests[0].headers["host"] == server.url.removeprefix("http://")


async def test_a_cookie_is_not_sent_back(raw_server):
    server = raw_server(http(set_cookie="id=canary; Path=/"))
    async with open_client("openai", connection(server.url)) as client:
        for _ in range(2):
            await client.send(lambda: client.http.post(server.url))
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("status", ["300 M", "301 M", "302 F", "303 S", "304 N", "305 P", "307 T", "308 P"])
@pytest.mark.parametrize("location", [True, False])
async def test_no_redirect_is_followed(raw_server, status, location):
    other = raw_server(http())
    headers = {"location": other.url} if location else {}
    server = raw_server(http(b"", status, **headers))
    error = await post(connection(server.url), follow_redirects=True)
    assert (type(error), error.status, error.charge) == (ProviderFault, int(status[:3]), "none")
    assert other.requests == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("size", [CAP - 1, CAP, CAP + 1])
async def test_the_byte_cap_is_exact(raw_server, size):
    server = raw_server(http(b"x" * size))
    outcome = await post(connection(server.url, largest_response=CAP))
    if size <= CAP:
        assert len(outcome.body) == size
    else:
        assert (type(outcome), outcome.status, outcome.charge) == (InvalidResponse, 200, "unknown")


@pytest.mark.parametrize("status", ["400 Bad", "500 Bad"])
async def test_error_answers_are_capped_too(raw_server, status):
    server = raw_server(http(b"x" * (CAP + 1), status))
    error = await post(connection(server.url, largest_response=CAP))
    assert type(error) is InvalidResponse
    assert error.status == int(status[:3])


async def test_a_body_without_an_end_is_not_read_to_it(raw_server):
    """The server writes until its client leaves."""
    left = []

    def answer(write, over) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not over.wait(0):
                write(b"x" * 65_536)
        except OSError:
            left.append(True)

    error = await post(connection(raw_server(answer).url, largest_response=CAP))
    assert type(error) is InvalidResponse
    for _ in range(200):
        if left:
            break
        await asyncio.sleep(0.02)
    assert left == [True]


@pytest.mark.parametrize(
    ("encoding", "squeeze"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)],
)
@pytest.mark.parametrize("size", [1000, CAP, CAP + 1, 300 * CAP])
async def test_an_unasked_compression_is_unfolded_up_to_the_cap(raw_server, encoding, squeeze, size):
    server = raw_server(http(squeeze(b"x" * size), content_encoding=encoding))
    outcome = await post(connection(server.url, largest_response=CAP))
    if size <= CAP:
        assert outcome.body == b"x" * size
    else:
        assert type(outcome) is InvalidResponse
        assert f"larger than {CAP:,} bytes" in str(outcome)


async def test_what_the_sdk_sees_is_what_was_captured(raw_server):
    server = raw_server(http(gzip.compress(b'{"a": 1}'), content_encoding="gzip", x_request_id="id-1"))
    async with open_client("openai", connection(server.url)) as client:
        seen = []

        async def call():
            response = await client.http.post(server.url)
            seen.append(response.content)

        response = await client.send(call)
    assert seen == [response.body] == [b'{"a": 1}']
    assert response.request_id == "id-1"
    assert "content-encoding" not in response.headers


async def test_proxies_of_the_environment_are_passed_by_on_this_machine(raw_server, monkeypatch):
    proxy, server = raw_server(http(b"proxied")), raw_server(http())
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert (await post(connection(server.url))).body == b"{}"
    assert proxy.requests == []


async def test_connections_are_closed_on_leaving(raw_server):
    server = raw_server(http())
    async with open_client("openai", connection(server.url)) as client:
        http_client = client.http
        await client.send(lambda: http_client.post(server.url))
    assert http_client.is_closed
    with pytest.raises(RuntimeError):
        await http_client.post(server.url)


async def test_headers_too_large_to_be_read_are_a_fault(raw_server):
    server = raw_server(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n")
    error = await post(connection(server.url))
    assert (type(error), error.charge) == (ProviderFault, "unknown")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=lambda value: value[:60],
)
async def test_an_answer_that_is_not_http(raw_server, answer):
    server = raw_server(answer)
    outcome = await post(connection(server.url))
    error = outcome.broken if isinstance(outcome, ProviderResponse) else outcome
    assert (type(error), error.charge) == (ProviderFault, "unknown")
    assert len(server.requests) == 1


def test_httpx2_is_the_client_in_use():
    assert issubclass(transport.GuardedTransport, httpx2.AsyncBaseTransport)


@pytest.mark.parametrize(
    ("offers", "login", "says"),
    [
        (
            'Basic realm="x"',
            "",
            "requires a user name and password: HTTP_PROXY=http://user:password@host:port",
        ),
        ("", "someone:canary@", "did not accept the user name and password in HTTP_PROXY"),
        ("NTLM", "", "requires a login by NTLM, which is not supported here"),
    ],
)
async def test_a_proxy_that_answers_for_a_host_without_tls(raw_server, monkeypatch, offers, login, says):
    """Such a request goes to the proxy itself, so its refusal is the answer."""
    proxy = raw_server(http(b"<h1>no</h1>", "407 Proxy Authentication Required", proxy_authenticate=offers))
    address = proxy.url.removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", f"http://{login}{address}")
    error = await post(connection("http://gateway.example/v1"))
    assert (type(error), error.charge, error.status) == (ProviderFault, "none", 407)
    assert f"gateway.example was not reached: the proxy {address} (HTTP_PROXY) {says}" in str(error)
    assert "canary" not in str(error)
    assert len(proxy.requests) == 1


async def test_a_file_is_sent_as_the_form_it_is_in(raw_server):
    server = raw_server(http())
    file = {"file": ("a.jsonl", b"{}\n", "application/jsonl")}
    await post(connection(server.url), files=file, data={"purpose": "batch"})
    sent = server.requests[0]
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b"application/jsonl" in sent.body
    await post(
        connection(server.url),
        content=b"{}",
        headers={"content-type": "text/html", "x-goog-upload-offset": "0"},
    )
    assert server.requests[1].headers["content-type"] == "application/json"
    assert server.requests[1].headers["x-goog-upload-offset"] == "0"
