"""vcrpy: it patches the HTTP clients, and finds the recordings that match a request.

Only private parts of vcrpy let an answer be recorded as it passes instead of being held back. There is one,
and what is built on it is proven each time it is put in place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from imagegen_nb.errors import ReplayError
from imagegen_nb.providers.credentials import is_loopback
from imagegen_nb.providers.http.transport import CALL_HEADER
from imagegen_nb.replay.recording import Recording

_OLDEST = (9, 2)
_MATCH = ("method", "scheme", "host", "port", "path", "query", "body", "call")
_HANDLER = "_vcr_handle_async_request"

Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


@dataclass(slots=True)
class Probe:
    """A request of the self-check: answered in memory, and noted as seen."""

    seen: bool = False


probing: ContextVar[Probe | None] = ContextVar("imagegen_nb_probe", default=None)
"""The self-check that the running task makes."""


class Machine:
    """vcrpy with the `recordings` of one cassette. `handle` gets each request of the toolkit, and the way
    to really send it; in replay nothing else may leave this machine."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        handle: Callable[[httpx2.Request, Send], Awaitable[httpx2.Response]],
        *,
        replaying: bool,
    ) -> None:
        self._recordings = recordings
        self._pass_on = handle
        self._replaying = replaying
        self._patches = ExitStack()
        self._cassette: Any = None

    def start(self) -> None:
        """Patch the HTTP clients and prove it. Raises `ReplayError`, with every patch undone."""
        vcr = _library()
        stubs: Any = vcr.stubs.httpx_stubs
        machine = vcr.VCR(
            record_mode=vcr.mode.NONE if self._replaying else vcr.mode.ONCE,
            match_on=_MATCH,
            before_record_request=self._only_ours,
        )
        machine.register_matcher("call", _same_call)
        machine.register_persister(_Memory(self._recordings if self._replaying else None))
        try:
            self._patches.callback(setattr, stubs, _HANDLER, getattr(stubs, _HANDLER))
            setattr(stubs, _HANDLER, self._handle)
            self._cassette = self._patches.enter_context(machine.use_cassette("in memory"))
            proven = _proven()
        except AttributeError:
            proven = False
        except BaseException:
            self._patches.close()
            raise
        if not proven:
            self._patches.close()
            raise ReplayError(
                f"vcrpy {vcr.__version__} does not see the requests of httpx2 {httpx2.__version__}: they "
                'would be neither recorded nor held back: pip install -U "imagegen-nb[replay]"'
            )

    def stop(self) -> None:
        """Undo every patch."""
        self._patches.close()

    def matching(self, asked: Recording) -> list[int]:
        """The numbers of all recordings of the asked call, in the order they were made."""
        from vcr.errors import UnhandledHTTPRequestError

        try:
            return [answer["number"] for answer in self._cassette.responses_of(_as_vcr(asked))]
        except UnhandledHTTPRequestError:
            return []

    async def _handle(
        self, cassette: object, send: Any, sender: object, request: httpx2.Request, client: object
    ) -> httpx2.Response:
        """In the place of vcrpy's own handling of one request of an asynchronous client."""
        if (probe := probing.get()) is not None:
            probe.seen = True
            return httpx2.Response(400, json={}, request=request)
        if CALL_HEADER in request.headers:
            return await self._pass_on(request, lambda out: send(sender, out))
        self._refuse_in_replay(str(request.url), request.url.host)
        response: httpx2.Response = await send(sender, request)
        return response

    def _only_ours(self, request: Any) -> Any:
        """What vcrpy asks of every request, of every HTTP client it knows."""
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


class _Memory:
    """Gives vcrpy the recordings, and keeps nothing: files are written by the cassette's own layout."""

    def __init__(self, recordings: Sequence[Recording] | None) -> None:
        self.recordings = recordings

    def load_cassette(self, path: object, serializer: object) -> tuple[list[Any], list[Any]]:
        from vcr.persisters.filesystem import CassetteNotFoundError

        if self.recordings is None:
            raise CassetteNotFoundError
        numbers = [{"number": number} for number in range(len(self.recordings))]
        return [_as_vcr(recording) for recording in self.recordings], numbers

    def save_cassette(self, path: object, recorded: object, serializer: object) -> None:
        """Nothing: vcrpy leaves its patches behind where a save fails."""


def _as_vcr(recording: Recording) -> Any:
    from vcr.request import Request

    # With this type vcrpy compares bodies as JSON, so that the order of the keys does not matter.
    headers = {"content-type": "application/json", CALL_HEADER: recording.call}
    return Request(recording.method, recording.url, recording.request, headers)


def _same_call(one: Any, other: Any) -> bool:
    return bool(one.headers[CALL_HEADER] == other.headers[CALL_HEADER])


def _proven() -> bool:
    """Whether a request that is pushed through the patched transport is seen. It has no connections, so
    that it could not leave."""
    probe = Probe()
    token = probing.set(probe)
    unconnected = object.__new__(httpx2.AsyncHTTPTransport)
    request = httpx2.Request("POST", "http://127.0.0.1:9/")
    pushed = httpx2.AsyncHTTPTransport.handle_async_request(unconnected, request)
    try:
        pushed.send(None)
    except StopIteration:
        pass
    finally:
        pushed.close()
        probing.reset(token)
    return probe.seen


def _library() -> Any:
    try:
        import vcr
        import vcr.stubs.httpx_stubs
    except ImportError:
        vcr = None
    if vcr is None:
        raise ReplayError('cassettes need vcrpy: pip install "imagegen-nb[replay]"')
    if tuple(int(part) for part in vcr.__version__.split(".")[:2]) < _OLDEST:
        raise ReplayError(
            f"vcrpy {vcr.__version__} is too old to see the requests of the providers' packages: "
            'pip install -U "imagegen-nb[replay]"'
        )
    return vcr
