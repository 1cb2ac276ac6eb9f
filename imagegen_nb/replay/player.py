"""Answers each call of the toolkit with its recording, and refuses the calls that have none."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import httpx2

from imagegen_nb.errors import ReplayError
from imagegen_nb.providers.http.unreached import SENDING
from imagegen_nb.replay import output_values
from imagegen_nb.replay.matching import key_of
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stored_recording import StoredRecording
from imagegen_nb.replay.streams import ReplayedStream, transport_error
from imagegen_nb.replay.vcr_adapter import Send, VcrAdapter


class Player:
    """Plays the recordings of one cassette. `on_miss` makes the error for a call that is not recorded, and
    `on_damage` the one for a recording that cannot be read any more, of what is wrong with it."""

    def __init__(
        self,
        stored: Sequence[StoredRecording],
        on_miss: Callable[[Recording], ReplayError],
        on_damage: Callable[[str], ReplayError],
    ) -> None:
        self.recordings = [each.recording for each in stored]
        self._stored = list(stored)
        self._on_miss = on_miss
        self._on_damage = on_damage
        self._indexes: dict[Hashable, list[int]] = {}
        for index, recording in enumerate(self.recordings):
            compared = replace(recording, request_body=output_values.as_compared(recording.request_body))
            self._indexes.setdefault(key_of(compared), []).append(index)
        self._adapter = VcrAdapter(self._play, replaying=True)
        self._lock = threading.Lock()
        self._plays: Counter[int] = Counter()
        self._played: set[int] = set()

    def start(self) -> None:
        """Answer every request of the toolkit. Raises `ReplayError`."""
        self._adapter.start()

    def stop(self) -> None:
        """Undo every patch."""
        self._adapter.stop()

    def unplayed(self) -> list[Recording]:
        """The recordings that nobody has asked for yet."""
        with self._lock:
            return [recording for index, recording in enumerate(self.recordings) if index not in self._played]

    async def _play(self, asked: Recording, request: httpx2.Request, send: Send) -> httpx2.Response:
        shown = output_values.shown(asked.request_body)
        stored = self._next(asked, shown.body)
        if stored is None:
            raise self._on_miss(replace(asked, request_body=shown.body))
        await self._verify(stored)
        recording = stored.recording
        trace = request.extensions.get("trace")
        if recording.sent and trace is not None:
            await trace(SENDING, {})  # a failure after this point may have been charged
        if not recording.status:
            raise transport_error(recording.ended)
        stream = ReplayedStream(recording, stored.pieces(shown.restored))
        return httpx2.Response(recording.status, headers=recording.headers, stream=stream, request=request)

    async def _verify(self, stored: StoredRecording) -> None:
        try:
            await asyncio.to_thread(stored.verify)
        except ReplayError as error:
            problem = str(error)
        else:
            return
        raise self._on_damage(problem)

    def _next(self, asked: Recording, shown: bytes) -> StoredRecording | None:
        """The recording to play. The same call again gets its next one, and after the last the first.

        So a cell can be run again, and so can a whole notebook.
        """
        # Older cassettes hold the values themselves where this one has placeholders.
        bodies = dict.fromkeys((shown, output_values.as_compared(asked.request_body)))
        keys = (key_of(replace(asked, request_body=body)) for body in bodies)
        matches = next((self._indexes[key] for key in keys if key in self._indexes), None)
        if matches is None:
            return None
        with self._lock:
            index = matches[self._plays[matches[0]] % len(matches)]
            self._plays[matches[0]] += 1
            self._played.add(index)
            return self._stored[index]
