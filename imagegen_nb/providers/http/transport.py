"""The transport under every provider's client: what may leave, and how much may come back.

By construction a request goes only to the connection's own origin, carries only known headers,
follows no redirect, is sent once, and its answer is read up to a byte cap. Should the answer repeat the
key, it is masked before anything else sees it. The answer is captured here, before an SDK sees it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import httpx2

from imagegen_nb._version import __version__
from imagegen_nb.core import active_cassette
from imagegen_nb.core.background_loop import raise_if_cancelled
from imagegen_nb.core.redaction import scrub
from imagegen_nb.errors import (
    Charge,
    ImagegenError,
    InvalidResponse,
    ProviderError,
    ProviderFault,
    ReplayError,
)
from imagegen_nb.providers.base import LARGEST_RESPONSE, Connection
from imagegen_nb.providers.http.certificates import tls_context
from imagegen_nb.providers.http.decoding import EVENT_STREAM
from imagegen_nb.providers.http.large_reads import read_large
from imagegen_nb.providers.http.proxies import proxy_for
from imagegen_nb.providers.http.received_body import ReceivedBody
from imagegen_nb.providers.http.response import ProviderResponse, is_success, read_text, safe_name
from imagegen_nb.providers.http.unreached import (
    CONNECT_TIMEOUT,
    Unreached,
    Way,
    explain,
    leaves,
    login_wanted,
    logins_in,
)

CALL_HEADER = "x-imagegen-nb-call"
"""Numbers identical requests for an emulator or a cassette; never sent to a provider."""
_FORMS = ("multipart/form-data;", "application/jsonl")
"""The forms in which a file is sent."""
_PROXY_LOGIN = 407
"""Without TLS a request goes to the proxy itself, and so may be answered by it."""
_HEADERS = frozenset(
    ["authorization", "content-length", "transfer-encoding", "x-goog-api-key", "x-goog-user-project"]
    + [f"x-goog-upload-{name}" for name in ("protocol", "command", "offset")]
    + [f"x-goog-upload-header-content-{name}" for name in ("length", "type")]
)
"""The headers that an SDK may set. SDKs add others, some from the environment (organisation, custom ones)."""


@dataclass(slots=True)
class Capture:
    """What became of one call: whether it left, what came back, or why it was refused."""

    call: int = 0
    streams: bool = False
    """Whether its answer is wanted event by event, as it arrives."""
    downloads: bool = False
    """Whether its answer is a file, wanted as it arrives, without a bound on the whole."""
    sent: bool = False
    status: int | None = None
    request_id: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: ReceivedBody | None = field(default=None, repr=False)
    """What has come of an answer that is read whole."""
    cut_line: bytes = field(default=b"", repr=False)
    """The beginning of a stream's line that a deadline cut."""
    response: ProviderResponse | None = None
    failure: str | None = None
    """The name of the exception that ended it."""
    way: Way | None = None
    unreached: Unreached | None = None
    """Why it did not leave, where the connection was what failed."""
    opened: Any = field(default=None, repr=False)
    """The HTTP core's stream over the socket that was opened for it."""
    refusal: ImagegenError | None = None
    kept_as: tuple[int, int] | None = None
    """The call's place in a cassette: an attempt that is made again replaces the one that was refused."""

    def again(self) -> Capture:
        """A fresh one for the same call, made once more."""
        return Capture(self.call, self.streams, self.downloads, kept_as=self.kept_as)

    async def close_unused(self) -> None:
        """Close a socket that no request has left on: the HTTP core forgets it while TLS is being set up, and
        where a SOCKS proxy refuses."""
        if not self.sent and self.opened is not None:
            with suppress(Exception):
                await self.opened.aclose()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the HTTP core at each step; from the first request byte on it counts as sent.

        A cancel that was lost as the connection was made is made up for here, before anything is sent.
        """
        if not self.sent:
            raise_if_cancelled()
        if leaves(event, info):
            self.sent = True
        elif event.endswith("connect_tcp.complete"):
            self.opened = info.get("return_value")
        elif self.way is not None:
            self.way.follow(event, info)


current: ContextVar[Capture] = ContextVar("imagegen_nb_capture")
"""The call that the running task is making: several may share one client."""


class Refused(Exception):
    """Unwinds an SDK call after the transport has noted why."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Carries requests for one connection and reads their answers within bounds."""

    def __init__(self, provider: str, connection: Connection) -> None:
        self.provider = provider
        self.connection = connection
        self.largest_response = connection.largest_response or LARGEST_RESPONSE
        asked = connection.send_to or connection.base_url
        replayed = connection.cassette is not None and connection.cassette.replaying
        # A replay has no network: whatever it is like here, it changes nothing.
        self.proxy = None if replayed else proxy_for(asked, provider)
        self.inner = httpx2.AsyncHTTPTransport(
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if replayed else _tls(asked, provider),
            trust_env=False,
            proxy=None if self.proxy is None else self.proxy.for_client(provider),
            retries=0,
            # A call that is made again must not meet a connection the other side is just giving up.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )
        read_large(self.inner)
        self.origin = httpx2.URL(connection.base_url)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request of the running task's call and note its answer in the capture."""
        capture = current.get()
        if (request.url.scheme, request.url.host, request.url.port) != (
            self.origin.scheme,
            self.origin.host,
            self.origin.port,
        ):
            self._refuse(
                capture, ProviderFault, f"a request to {request.url.host} was stopped before it left"
            )
        if active_cassette.current() is not self.connection.cassette:
            _stop(
                capture,
                ReplayError("a cassette was opened or closed while the run was under way; run it again"),
            )
        capture.way = Way(host_of(self.connection.send_to or self.connection.base_url), self.proxy)
        try:
            response = await self.inner.handle_async_request(self._as_sent(capture, request))
        except ReplayError as error:
            _stop(capture, error)
        except Exception as error:
            if not capture.sent:
                capture.unreached = explain(error, capture.way)
            await capture.close_unused()
            raise
        except asyncio.CancelledError:
            await capture.close_unused()
            raise
        answered = [(name, scrub(value, capture.secrets)) for name, value in response.headers.raw]
        response.headers = httpx2.Headers(answered)
        capture.status = response.status_code
        if response.status_code == _PROXY_LOGIN and self.proxy is not None and self.origin.scheme == "http":
            await response.aclose()
            wanted = login_wanted(self.proxy, logins_in(response.headers.raw)).reason
            self._refuse(capture, ProviderFault, f"{capture.way.host} was not reached: {wanted}")
        capture.request_id = safe_name(response.headers.get("x-request-id"))
        try:
            return await self._receive(capture, request, response)
        except BaseException:
            await response.aclose()
            raise

    def _as_sent(self, capture: Capture, request: httpx2.Request) -> httpx2.Request:
        """The request that leaves. The SDK's own stays as it is: it reads its private headers again."""
        headers = {name: value for name, value in request.headers.items() if name.lower() in _HEADERS}
        if self.connection.credential.azure is not None:
            headers.pop("authorization", None)  # as a bearer token Azure's key would be a wrong one
            headers["api-key"] = self.connection.key
        sent = (headers.get(name, "") for name in ("authorization", "x-goog-api-key", "api-key"))
        capture.secrets = tuple(value.removeprefix("Bearer ") for value in sent if value)
        headers |= {
            "host": self.origin.netloc.decode("ascii"),
            "user-agent": f"imagegen-nb/{__version__}",
            "content-type": _content_type(request),
            "accept": "application/json, text/event-stream",
            "connection": "keep-alive",
            # Base64 hardly compresses, and an uncompressed answer cannot unfold past the cap.
            "accept-encoding": "identity",
        }
        if self.connection.backend == "emulator" or self.connection.cassette is not None:
            headers[CALL_HEADER] = str(capture.call)
        # Once connected, only the run's deadline bounds the call.
        timeouts = {"connect": CONNECT_TIMEOUT, "read": None, "write": None, "pool": None}
        extensions = {**request.extensions, "timeout": timeouts, "trace": capture.trace}
        url = request.url
        if self.connection.query:
            url = url.copy_with(query=b"&".join(filter(None, [url.query, self.connection.query.encode()])))
        if self.connection.send_to:
            # The path below the base address is the same in both places.
            below = str(url).removeprefix(str(self.origin))
            extensions[active_cassette.SEND_TO] = self.connection.send_to + below
        return httpx2.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=extensions
        )

    async def _receive(
        self, capture: Capture, request: httpx2.Request, response: httpx2.Response
    ) -> httpx2.Response:
        if response.has_redirect_location or 300 <= response.status_code < 400:
            self._refuse(
                capture,
                ProviderFault,
                f"answered with a redirect, which is not followed: the key goes to {self.origin.host} only",
            )
        if capture.streams and is_success(response.status_code) and _can_stream(response.headers):
            stream = _GuardedStream(response, self.largest_response, self._refuse_size)
            stream.secrets = capture.secrets
            return httpx2.Response(
                response.status_code, headers=response.headers, stream=stream, request=request
            )
        if capture.downloads and is_success(response.status_code):
            if _encoding(response.headers) not in ("", "identity"):
                what = f"sent a file in the encoding {_encoding(response.headers)!r}, which was not asked for"
                self._refuse(capture, InvalidResponse, what)
            return httpx2.Response(
                response.status_code, headers=response.headers, stream=response.stream, request=request
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        capture.headers = headers
        received = capture.body = self._body(capture, response)
        text = await self._read(received, response)
        text = await read_text(text, partial(scrub, text, capture.secrets))
        await response.aclose()
        capture.response = ProviderResponse(
            self.provider, response.status_code, headers, text, files=received.files
        )
        for name in ("content-encoding", "content-length", "transfer-encoding"):
            headers.pop(name, None)
        return httpx2.Response(response.status_code, headers=headers, content=text, request=request)

    def _body(self, capture: Capture, response: httpx2.Response) -> ReceivedBody:
        """What takes the body in. Only a success has images; an error's words stay whole."""
        new_path = self.connection.new_path if is_success(response.status_code) else None
        return ReceivedBody(_encoding(response.headers), self.largest_response, new_path, capture.secrets)

    async def _read(self, received: ReceivedBody, response: httpx2.Response) -> bytes:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        try:
            async for chunk in response.stream:
                received.feed(chunk)
                if received.is_too_large:
                    self._refuse_size()
        finally:
            received.close()
        text = received.text()
        if text is None:
            what = f"answered in the encoding {_encoding(response.headers)!r}, which was not asked for"
            self._refuse(current.get(), InvalidResponse, what)
        if len(text) > self.largest_response:
            self._refuse_size()
        return text

    def _refuse_size(self) -> NoReturn:
        what = f"the response is larger than {self.largest_response:,} bytes"
        self._refuse(current.get(), InvalidResponse, what)

    def _refuse(self, capture: Capture, kind: type[ProviderError], message: str) -> NoReturn:
        charge: Charge = "unknown" if capture.sent and is_success(capture.status) else "none"
        capture.refusal = kind(
            message,
            provider=self.provider,
            status=capture.status,
            request_id=capture.request_id,
            charge=charge,
        )
        raise Refused

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()


class _GuardedStream(httpx2.AsyncByteStream):
    """A streamed body in whole lines: refused past `cap` bytes, the request's own key masked."""

    secrets: tuple[str, ...] = ()

    def __init__(self, response: httpx2.Response, cap: int, refuse: Callable[[], NoReturn]) -> None:
        self.response = response
        self.left = cap
        self.refuse = refuse
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self.response.stream, httpx2.AsyncByteStream)
        pending = bytearray()
        failure: Exception | None = None
        try:
            async with aclosing(_until_stopped(self.response.stream)) as chunks:
                async for chunk in chunks:
                    self.left -= len(chunk)
                    if self.left < 0:
                        self.refuse()
                    # A key may be cut in two by a chunk's end, but not by a line's.
                    head, newline, tail = chunk.rpartition(b"\n")
                    if newline:
                        yield scrub(bytes(pending) + head + newline, self.secrets)
                        pending.clear()
                    if self.closed:
                        return
                    pending += tail
        except asyncio.CancelledError:
            # The deadline struck in the middle of a line, which nobody can be given any more.
            current.get().cut_line = scrub(bytes(pending), self.secrets)
            raise
        except Exception as error:  # noqa: BLE001 - raised again, after what had come before it
            failure = error
        if pending:
            yield scrub(bytes(pending), self.secrets)
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        """Close the connection; whoever reads on comes to the end."""
        self.closed = True
        await self.response.aclose()


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "identity").strip().lower()


def _content_type(request: httpx2.Request) -> str:
    """JSON, but for a file that is sent, whose form names what separates its parts."""
    sent = request.headers.get("content-type", "")
    return sent if sent.startswith(_FORMS) else "application/json"


def _can_stream(headers: Mapping[str, str]) -> bool:
    """Whether an answer can be read event by event; in an encoding it is read whole."""
    media_type = headers.get("content-type", "").strip().lower()
    return media_type.startswith(EVENT_STREAM) and _encoding(headers) in ("", "identity")


async def _until_stopped(stream: httpx2.AsyncByteStream) -> AsyncGenerator[bytes, None]:
    """The chunks of `stream`; where a cassette has no more of it, the call's capture notes why."""
    try:
        async for chunk in stream:
            yield chunk
    except ReplayError as error:
        _stop(current.get(), error)


def _stop(capture: Capture, error: ReplayError) -> NoReturn:
    capture.refusal = error
    raise Refused from None


def _tls(url: str, provider: str) -> ssl.SSLContext | bool:
    """The TLS settings for `url`; none for an unencrypted address, which only this machine may have."""
    return False if httpx2.URL(url).scheme == "http" else tls_context(provider)


def host_of(url: str) -> str:
    """The host of `url`, and its port where it is not the usual one, for messages."""
    return httpx2.URL(url).netloc.decode("ascii")
