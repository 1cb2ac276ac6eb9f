"""Answers each call of the toolkit with its recording, and refuses the calls that have none."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx2

from imagegen_nb.errors import ReplayError
from imagegen_nb.providers.http.unreached import SENDING
from imagegen_nb.replay import output_values
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.streams import ReplayedStream, transport_error
from imagegen_nb.replay.vcr_adapter import Send, VcrAdapter


class Player:
    """Plays the `recordings` of one cassette. `on_miss` makes the error for a call that is not recorded."""

    def __init__(self, recordings: Sequence[Recording], on_miss: Callable[[Recording], ReplayError]) -> None:
        self.recordings = list(recordings)
        self._on_miss = on_miss
        compared = [
            replace(recording, request_body=output_values.as_compared(recording.request_body))
            for recording in self.recordings
        ]
        self._adapter = VcrAdapter(compared, self._play, replaying=True)
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
        recording = self._next(asked, shown.body)
        if recording is None:
            raise self._on_miss(replace(asked, request_body=shown.body))
        trace = request.extensions.get("trace")
        if recording.sent and trace is not None:
            await trace(SENDING, {})  # a failure after this point may have been charged
        if not recording.status:
            raise transport_error(recording.ended)
        stream = ReplayedStream(
            replace(recording, response_body=shown.restored(recording.response_body))
            if shown.values
            else recording
        )
        return httpx2.Response(recording.status, headers=recording.headers, stream=stream, request=request)

    def _next(self, asked: Recording, shown: bytes) -> Recording | None:
        """The recording to play. The same call again gets its next one, and after the last the first.

        So a cell can be run again, and so can a whole notebook.
        """
        with self._lock:  # vcrpy's own lookup and count are two steps: threads would get the same recording
            # Older cassettes hold the values themselves where this one has placeholders.
            for body in dict.fromkeys((shown, output_values.as_compared(asked.request_body))):
                if matches := self._adapter.matching(replace(asked, request_body=body)):
                    break
            else:
                return None
            index = matches[self._plays[matches[0]] % len(matches)]
            self._plays[matches[0]] += 1
            self._played.add(index)
            return self.recordings[index]
