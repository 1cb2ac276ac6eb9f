"""The one file that knows vcrpy: it patches the HTTP clients, and hands over each request.

vcrpy's own handling of a request holds an answer back until it is complete. Recording it as it passes needs
one private function of vcrpy replaced (`_HANDLER`). Every start proves that the replacement is called, and so
does the first run of each provider.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from imagegen_nb.core.active_cassette import ActiveCassette
from imagegen_nb.core.addresses import is_loopback
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.types import ImageRequest
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers import credentials
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.http.transport import CALL_HEADER
from imagegen_nb.replay import filters
from imagegen_nb.replay.recording import Recording

_OLDEST = (9, 2)
"""pyproject.toml bounds the version from both sides; this names the problem in an older environment."""
_HANDLER = "_vcr_handle_async_request"
_UNREACHABLE = "http://127.0.0.1:9"
"""Where a request of the self-check would go if it escaped: nothing serves the discard port."""

Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
Handler = Callable[[Recording, httpx2.Request, Send], Awaitable[httpx2.Response]]
"""Answers a request of the toolkit. The recording holds what it asks and no answer yet; `Send` sends it."""


@dataclass(slots=True)
class _Probe:
    """A request of the self-check; it is answered in memory."""

    seen: bool = False


_probe: ContextVar[_Probe | None] = ContextVar("imagegen_nb_probe", default=None)
"""The self-check that the running task makes."""


class VcrAdapter:
    """vcrpy with an empty cassette. `handle` answers each request of the toolkit.

    While `replaying`, no other request may leave this machine.
    """

    def __init__(self, handle: Handler, *, replaying: bool) -> None:
        self._handle = handle
        self._replaying = replaying
        self._patches = ExitStack()

    def start(self) -> None:
        """Patch the HTTP clients and prove it. Raises `ReplayError`, with every patch undone."""
        vcr = _import_vcr()
        stubs: Any = vcr.stubs.httpx_stubs
        configuration = vcr.VCR(
            record_mode=vcr.mode.NONE if self._replaying else vcr.mode.ONCE,
            before_record_request=self._before_record_request,
        )
        configuration.register_persister(_Nothing())
        try:
            self._patches.callback(setattr, stubs, _HANDLER, getattr(stubs, _HANDLER))
            setattr(stubs, _HANDLER, self._handle_request)
            self._patches.enter_context(configuration.use_cassette("in memory"))
            patched = _is_patched()
        except AttributeError:
            patched = False
        except BaseException:
            self._patches.close()
            raise
        if not patched:
            self._patches.close()
            raise ReplayError(
                f"vcrpy {vcr.__version__} does not see the requests of httpx2 {httpx2.__version__}: they "
                f"would be neither recorded nor held back: {install_command('replay', upgrade=True)}"
            )

    def stop(self) -> None:
        """Undo every patch."""
        self._patches.close()

    async def _handle_request(
        self, cassette: object, send: Any, transport: object, request: httpx2.Request, client: object
    ) -> httpx2.Response:
        """Replaces vcrpy's handling of one request of an asynchronous client."""
        if (probe := _probe.get()) is not None:
            probe.seen = True
            return httpx2.Response(400, json={}, request=request)
        if CALL_HEADER in request.headers:
            return await self._handle(
                await _as_recording(request), request, lambda outgoing: send(transport, outgoing)
            )
        self._refuse_in_replay(str(request.url), request.url.host)
        response: httpx2.Response = await send(transport, request)
        return response

    def _before_record_request(self, request: Any) -> Any:
        """vcrpy's filter, called for every HTTP client it patches: only the toolkit's calls are recorded."""
        if CALL_HEADER in request.headers:
            return request
        self._refuse_in_replay(request.uri, request.host)
        return None

    def _refuse_in_replay(self, url: str, host: str) -> None:
        if self._replaying and not is_loopback(url):
            raise ReplayError(
                f"a request to {host} was stopped: while a cassette is replayed nothing reaches the network, "
                "and only calls of imagegen_nb are recorded"
            )


async def check_provider(provider: Provider, cassette: ActiveCassette) -> None:
    """Let `provider` make one request, which is answered in memory. Raises `ReplayError` if it was not seen.

    An SDK may bring an HTTP client that vcrpy does not patch; its requests would reach the network.
    """
    probe = _Probe()
    token = _probe.set(probe)
    connection = Connection(
        base_url=_UNREACHABLE,
        credential=credentials.placeholder("nobody (self-check)", None),
        backend="emulator",
        cassette=cassette,
    )
    request = ImageRequest(model=provider.models[0].name, prompt="self-check")
    try:
        async with aclosing(provider.generate(request, connection)) as events:
            async for _ in events:
                pass
    except Exception:  # noqa: BLE001, S110 - the probe is answered with a refusal, on purpose
        pass
    finally:
        _probe.reset(token)
    if not probe.seen:
        raise ReplayError(
            f"requests to {provider.label} do not pass the cassette, so they can be neither recorded nor "
            "held back: they bypass the HTTP client that vcrpy patches"
        )


class _Nothing:
    """A persister that loads and saves nothing: `cassette_file` and `folder_writer` know the files."""

    def load_cassette(self, path: object, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.persisters.filesystem import CassetteNotFoundError

        raise CassetteNotFoundError

    def save_cassette(self, path: object, recorded: object, serializer: object) -> None:
        """Nothing: vcrpy leaves its patches behind where a save fails."""


async def _as_recording(request: httpx2.Request) -> Recording:
    """What `request` asks, as it is recorded or looked up."""
    assert isinstance(request.stream, httpx2.AsyncByteStream)
    return Recording(
        method=request.method,
        url=filters.filter_url(str(request.url)),
        call=request.headers[CALL_HEADER],
        request_body=b"".join([chunk async for chunk in request.stream]),
        status=0,
    )


def _is_patched() -> bool:
    """Push a request through the transport's patched method, and say whether the handler saw it.

    The transport is never initialised: it has no connections, so the request cannot leave.
    """
    probe = _Probe()
    token = _probe.set(probe)
    transport = object.__new__(httpx2.AsyncHTTPTransport)
    request = httpx2.Request("POST", _UNREACHABLE)
    handling = httpx2.AsyncHTTPTransport.handle_async_request(transport, request)
    try:
        handling.send(None)
    except StopIteration:
        pass
    finally:
        handling.close()
        _probe.reset(token)
    return probe.seen


def _import_vcr() -> Any:
    try:
        import vcr
        import vcr.stubs.httpx_stubs
    except ImportError:
        vcr = None
    if vcr is None:
        raise ReplayError(f"cassettes need vcrpy: {install_command('replay')}")
    if tuple(int(part) for part in vcr.__version__.split(".")[:2]) < _OLDEST:
        raise ReplayError(
            f"vcrpy {vcr.__version__} is too old to see the requests of the providers' packages: "
            f"{install_command('replay', upgrade=True)}"
        )
    return vcr
