"""What becomes of each call while a cassette is in use: it is recorded as it passes, or played.

Identical calls keep the order they were *asked* in, and the address that is really asked may be another
than the one the recording shows.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from imagegen_nb.core import active_cassette
from imagegen_nb.core.redaction import scrub
from imagegen_nb.core.types import Backend
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers.http import transport
from imagegen_nb.replay import filters as allowed
from imagegen_nb.replay.recording import CUT, Recording
from imagegen_nb.replay.streams import Played, Tee, failure, whole_events
from imagegen_nb.replay.vcr_adapter import Machine, Send


class Recorder:
    """The calls of one cassette, recorded or played; `changes` counts what was heard.

    `settle` hears before each request what it asks; `missing` makes the error for a call that is not there.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        *,
        replaying: bool,
        settle: Callable[[Backend], None],
        missing: Callable[[Recording], ReplayError],
    ) -> None:
        self.recordings = list(recordings)
        self.replaying = replaying
        self.unrecorded: list[str] = []
        self._settle = settle
        self._missing = missing
        self._lock = threading.Lock()
        self._turns = itertools.count()
        self._played: Counter[int] = Counter()
        self._heard: set[int] = set()
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._kept: dict[int, Recording] = {}
        self.changes = 0

    def start(self) -> None:
        """Put every request of the toolkit through this recorder. Raises `ReplayError`."""
        self._machine = Machine(self.recordings, self._handle, replaying=self.replaying)
        self._machine.start()

    def stop(self) -> None:
        """Undo every patch."""
        self._machine.stop()

    def taken(self) -> list[Recording]:
        """What has been recorded so far, in the order it was asked."""
        with self._lock:
            return [self._kept[turn] for turn in sorted(self._kept)]

    def unplayed(self) -> list[Recording]:
        """What a replay has not asked for yet."""
        with self._lock:
            return [found for number, found in enumerate(self.recordings) if number not in self._heard]

    async def _handle(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        body = b"".join([part async for part in request.stream])
        asked = Recording(
            method=request.method,
            url=allowed.address(str(request.url)),
            call=request.headers[transport.CALL_HEADER],
            request=body,
            status=0,
        )
        if self.replaying:
            return await self._play(asked, request)
        return await self._record(asked, request, send)

    async def _play(self, asked: Recording, request: httpx2.Request) -> httpx2.Response:
        with self._lock:  # finding a recording and counting it must be one step
            recorded = self._machine.matching(asked)
            if recorded:
                # The same call again gets the next recording of it, and after the last the first: so a
                # cell can be run again, and so can the whole notebook.
                turn = self._played[recorded[0]]
                self._played[recorded[0]] += 1
                number = recorded[turn % len(recorded)]
                self._heard.add(number)
                found = self.recordings[number]
        if not recorded:
            raise self._missing(asked)
        trace = request.extensions.get("trace")
        if found.sent and trace is not None:
            await trace(transport.SENDING, {})
        if not found.status:
            raise failure(found.ended)
        return httpx2.Response(found.status, headers=found.headers, stream=Played(found), request=request)

    async def _record(self, asked: Recording, request: httpx2.Request, send: Send) -> httpx2.Response:
        elsewhere = request.extensions.get(active_cassette.SEND_TO)
        self._settle("emulator" if elsewhere else "live")
        turn, again = self._turn(asked)
        secrets = transport.current.get().secrets
        url = httpx2.URL(elsewhere or request.url)
        headers = {**request.headers, "host": url.netloc.decode("ascii")}
        if not elsewhere:
            del headers[transport.CALL_HEADER]
        watch = _Watch(request.extensions.get("trace"))
        extensions = {**request.extensions, "trace": watch.trace}
        out = httpx2.Request(
            request.method,
            url,
            headers=headers,
            stream=httpx2.ByteStream(asked.request),
            extensions=extensions,
        )
        try:
            response = await send(out)
        except httpx2.TransportError as error:
            self._keep(turn, replace(asked, ended=type(error).__name__, sent=watch.sent))
            raise
        raw = ((name.lower(), scrub(value, secrets)) for name, value in response.headers.raw)
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
        kept = allowed.answered(told, f"{asked.order} {again}")
        answered = replace(asked, status=response.status_code, headers=kept)
        encoding = told.get("content-encoding", "")

        def done(answer: bytes, how: str) -> None:
            self._finish(turn, answered, (answer, how, encoding), secrets)

        assert isinstance(response.stream, httpx2.AsyncByteStream)
        # The run sees what a replay will see: the allowed headers, and no others.
        passed = kept | ({"content-encoding": encoding} if encoding else {})
        stream = Tee(response.stream, done)
        return httpx2.Response(response.status_code, headers=passed, stream=stream, request=request)

    def _turn(self, asked: Recording) -> tuple[int, int]:
        """Which call it is, and how many like it were asked before. One that is made again because it was
        refused keeps its turn: a replay needs no more than how it ended, and has nothing to wait for."""
        capture = transport.current.get()
        if capture.kept_as is None:
            with self._lock:
                capture.kept_as = next(self._turns), self._asked[asked.order]
                self._asked[asked.order] += 1
        return capture.kept_as

    def _finish(
        self, turn: int, answered: Recording, came: tuple[bytes, str, str], secrets: tuple[str, ...]
    ) -> None:
        """Keep what came of an answer, where it is one that a replay can give again."""
        answer, how, encoding = came
        if encoding not in ("", "identity"):
            unpacked = transport.inflate(answer, len(answer) * 100) if "gzip" in encoding else None
            if not unpacked:
                self.unrecorded.append(f"{answered}: the answer came in the encoding {encoding!r}")
                self.changes += 1
                return
            answer = unpacked
        if how == CUT and answered.streamed:
            answer = whole_events(answer)
        if how == CUT and not (answered.streamed and answer):
            if answered.status < 300 or answered.status >= 400:
                return  # the run was stopped: nobody has seen this answer
            how = ""  # a redirect is not read any further than its status
        self._keep(turn, replace(answered, answer=scrub(answer, secrets), ended=how))

    def _keep(self, turn: int, recording: Recording) -> None:
        with self._lock:
            self._kept[turn] = recording
            self.changes += 1


class _Watch:
    """Notes whether a request has begun to leave, and tells whoever else listens."""

    def __init__(self, listener: Callable[[str, Any], Awaitable[None]] | None) -> None:
        self.listener = listener
        self.sent = False

    async def trace(self, event: str, info: Any) -> None:
        self.sent = self.sent or event.endswith(transport.SENDING)
        if self.listener is not None:
            await self.listener(event, info)
