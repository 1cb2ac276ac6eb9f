"""Records each call of the toolkit as it passes.

A call takes its place in the cassette when it is asked, not when its answer arrives. It may really be sent to
an emulator, while the recording shows the provider's own address.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2

from imagegen_nb.core import active_cassette
from imagegen_nb.core.redaction import scrub
from imagegen_nb.core.types import Backend
from imagegen_nb.providers.http import transport
from imagegen_nb.providers.http.content_encoding import unpack
from imagegen_nb.providers.http.unreached import leaves
from imagegen_nb.replay import filters, output_values
from imagegen_nb.replay.output_values import Shown
from imagegen_nb.replay.recording import CUT, Recording
from imagegen_nb.replay.streams import ObservedStream, RestoredStream, whole_events
from imagegen_nb.replay.vcr_adapter import Send, VcrAdapter

_MOST_UNFOLDED = 100
"""How many times its size a packed answer may have when it is unpacked; what unfolds to more is a bomb."""


class Recorder:
    """The calls recorded for one cassette; `unrecorded` describes those a replay could not give again.

    `changes` counts what happened, so that a caller can tell whether there is something new to save.
    `on_request` hears before each request where it goes, and may refuse by raising.
    """

    def __init__(self, on_request: Callable[[Backend], None]) -> None:
        self.unrecorded: list[str] = []
        self.changes = 0
        self._on_request = on_request
        self._adapter = VcrAdapter(self._record, replaying=False)
        self._lock = threading.Lock()
        self._positions = itertools.count()
        self._repetitions: Counter[tuple[str, ...]] = Counter()
        self._recordings: dict[int, Recording] = {}

    def start(self) -> None:
        """Pass every request of the toolkit through this recorder. Raises `ReplayError`."""
        self._adapter.start()

    def stop(self) -> None:
        """Undo every patch."""
        self._adapter.stop()

    @property
    def recordings(self) -> list[Recording]:
        """What has been recorded so far, in the order it was asked."""
        with self._lock:
            return [self._recordings[position] for position in sorted(self._recordings)]

    async def _record(self, asked: Recording, request: httpx2.Request, send: Send) -> httpx2.Response:
        send_to = request.extensions.get(active_cassette.SEND_TO)
        self._on_request("emulator" if send_to else "live")
        sent, shown = asked.request_body, output_values.shown(asked.request_body)
        asked = replace(asked, request_body=shown.body)
        position, repetition = self._place(asked)
        secrets = transport.current.get().secrets
        observer = _SendObserver(request.extensions.get("trace"))
        try:
            response = await send(_outgoing(request, shown.body if send_to else sent, send_to, observer))
        except httpx2.TransportError as error:
            self._store(position, replace(asked, ended=type(error).__name__, sent=observer.sent))
            raise
        headers = {
            name.lower().decode("latin-1"): scrub(value, secrets).decode("latin-1")
            for name, value in response.headers.raw
        }
        allowed = filters.filter_headers(headers, f"{asked.sort_key} {repetition}")
        encoding = headers.get("content-encoding", "")
        answered = replace(asked, status=response.status_code, headers=allowed)

        def on_end(body: bytes, ended: str) -> None:
            self._finish(
                position, replace(answered, response_body=body, ended=ended), encoding, secrets, shown
            )

        assert isinstance(response.stream, httpx2.AsyncByteStream)
        # The run sees only the headers that a replay will show it.
        visible = allowed | ({"content-encoding": encoding} if encoding else {})
        stream: httpx2.AsyncByteStream = ObservedStream(response.stream, on_end)
        if shown.values:
            stream = RestoredStream(stream, shown.restored)
        return httpx2.Response(response.status_code, headers=visible, stream=stream, request=request)

    def _place(self, asked: Recording) -> tuple[int, int]:
        """The position of this call, and how many like it were asked before.

        A retry after a refusal keeps the position of its first attempt and replaces that recording: a
        replay needs only how the call ended, and has nothing to wait for.
        """
        capture = transport.current.get()
        if capture.kept_as is None:
            with self._lock:
                capture.kept_as = next(self._positions), self._repetitions[asked.sort_key]
                self._repetitions[asked.sort_key] += 1
        return capture.kept_as

    def _finish(
        self,
        position: int,
        answered: Recording,
        encoding: str,
        secrets: tuple[str, ...],
        shown: Shown,
    ) -> None:
        """Store an answer that has ended, where it is one that a replay can give again."""
        body, ended = answered.response_body, answered.ended
        most = len(body) * _MOST_UNFOLDED
        unpacked = unpack(body, encoding, most)
        if unpacked is None or len(unpacked) > most:
            self.unrecorded.append(f"{answered}: the response has the encoding {encoding!r}")
            self.changes += 1
            return
        body = unpacked
        if ended == CUT and answered.streamed:
            body = whole_events(body)
        if ended == CUT and not (answered.streamed and body):
            if answered.status < 300 or answered.status >= 400:
                return  # the run was stopped: nobody has seen this answer
            ended = ""  # nobody reads a redirect's body, so this one is complete
        body = shown.hidden(scrub(body, secrets))
        self._store(position, replace(answered, response_body=body, ended=ended))

    def _store(self, position: int, recording: Recording) -> None:
        with self._lock:
            self._recordings[position] = recording
            self.changes += 1


def _outgoing(
    request: httpx2.Request, body: bytes, send_to: str | None, observer: _SendObserver
) -> httpx2.Request:
    """The request that is really sent: to an emulator where there is one, else without our own header.

    An emulator is asked as the cassette shows it: it draws the prompt, and must draw the same everywhere.
    """
    url = httpx2.URL(send_to or request.url)
    headers = {**request.headers, "host": url.netloc.decode("ascii")}
    if "content-length" in headers:
        headers["content-length"] = str(len(body))
    if not send_to:
        del headers[transport.CALL_HEADER]
    extensions = {**request.extensions, "trace": observer.trace}
    stream = httpx2.ByteStream(body)
    return httpx2.Request(request.method, url, headers=headers, stream=stream, extensions=extensions)


class _SendObserver:
    """Notes whether a request has begun to leave, and passes each event on to `listener`."""

    def __init__(self, listener: Callable[[str, Any], Awaitable[None]] | None) -> None:
        self.listener = listener
        self.sent = False

    async def trace(self, event: str, info: Any) -> None:
        self.sent = self.sent or leaves(event, info)
        if self.listener is not None:
            await self.listener(event, info)
