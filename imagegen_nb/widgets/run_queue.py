"""The runs a form was asked for: one goes on, the others wait for their turn."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.events import RunEvent
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run that somebody asked for; `previews` asks for live ones."""

    step: ImageGenerationStep
    inputs: Mapping[str, Any]
    previews: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


Submit = Callable[[RunRequest, Callable[[RunEvent[Run]], object]], Job[Run]]


class QueueListener(Protocol):
    """What the queue tells, on any thread."""

    def run_queued(self, request: RunRequest) -> None:
        """It waits for its turn."""

    def run_started(self, request: RunRequest) -> None:
        """Its turn has come; called before its first event."""

    def run_reported(self, request: RunRequest, event: RunEvent[Run]) -> None:
        """Something happened in it."""

    def run_dropped(self, request: RunRequest) -> None:
        """It was taken out before its turn came."""

    def run_ended(self, request: RunRequest, error: BaseException | None) -> None:
        """It is over, or was refused before it began."""

    def queue_changed(self) -> None:
        """What goes on or waits is another run now."""


class RunQueue:
    """Starts one run after the other with `submit`. Safe to use from any thread."""

    def __init__(self, submit: Submit, listener: QueueListener) -> None:
        self._submit = submit
        self._listener = listener
        self._lock = threading.RLock()
        self._waiting: list[RunRequest] = []
        self._current: RunRequest | None = None
        self.job: Job[Run] | None = None
        self._cancelled = ""  # the id of a run that is cancelled alone: the others go on
        self._cancelled_early = False  # before there was a job to cancel
        self.is_idle = True

    @property
    def current(self) -> RunRequest | None:
        """The run that goes on."""
        return self._current

    @property
    def waiting(self) -> tuple[RunRequest, ...]:
        """The runs that wait for their turn, the next one first."""
        with self._lock:
            return tuple(self._waiting)

    def add(self, request: RunRequest) -> None:
        """Start a run, or let it wait for those before it."""
        with self._lock:
            waits = self._current is not None
            if waits:
                self._waiting.append(request)
            else:
                self._current, self.is_idle = request, False
        if waits:
            self._listener.run_queued(request)
            self._listener.queue_changed()
        else:
            self._start(request)

    def cancel(self, request_id: str) -> None:
        """Cancel one run, under way or waiting; the others go on."""
        with self._lock:
            dropped = [request for request in self._waiting if request.id == request_id]
            self._waiting = [request for request in self._waiting if request.id != request_id]
            if self._current is not None and self._current.id == request_id:
                self._cancelled = request_id
                self._cancel_job()
        self._tell_dropped(dropped)

    def cancel_all(self) -> None:
        """Cancel the run that is under way and forget those that wait."""
        with self._lock:
            dropped, self._waiting = self._waiting, []
            if self._current is not None:
                self._cancel_job()
        self._tell_dropped(dropped)

    def _cancel_job(self) -> None:
        if self.job is None:
            self._cancelled_early = True
        else:
            self.job.cancel()

    def _tell_dropped(self, dropped: list[RunRequest]) -> None:
        for request in dropped:
            self._listener.run_dropped(request)
        if dropped:
            self._listener.queue_changed()

    def _start(self, request: RunRequest) -> None:
        self._listener.run_started(request)
        try:
            job = self._submit(request, partial(self._listener.run_reported, request))
        # Whatever a workspace of the user's own raises: on this thread it would show nowhere.
        except Exception as error:  # noqa: BLE001
            self._end(request, error)
            return
        with self._lock:
            self.job = job
            if self._cancelled_early:
                job.cancel()
        job.future.add_done_callback(partial(self._on_done, request))

    def _on_done(self, request: RunRequest, future: Future[Run]) -> None:
        self._end(request, future.exception())

    def _end(self, request: RunRequest, error: BaseException | None) -> None:
        with self._lock:
            # An interrupt, or Cancel, means all of them.
            alone = self._cancelled == request.id
            stops = isinstance(error, asyncio.CancelledError) and not alone
            dropped, self._waiting = (self._waiting, []) if stops else ([], self._waiting)
        self._tell_dropped(dropped)
        self._listener.run_ended(request, error)
        with self._lock:
            self.job, self._cancelled, self._cancelled_early = None, "", False
            following = self._waiting.pop(0) if self._waiting else None
            self._current = following
        self._listener.queue_changed()
        if following is None:
            with self._lock:
                self.is_idle = self._current is None
        else:
            # On its own thread: to ask the system for a key may take long, and this may be the loop's.
            threading.Thread(target=self._start, args=(following,), daemon=True).start()
