"""One private event loop in a daemon thread, shared by every way to start a run.

A notebook's own loop is busy or blocked at the wrong moments, and an HTTP client belongs to one loop.
So all runs live on this loop: `run()` blocks on a `Job`, `arun()` awaits one, a button only starts one.

A program's main thread may end while other threads still run steps, so this loop has threads that go on.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Generic, TypeVar

from imagegen_nb.core.daemon_threads import DaemonThreads
from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.errors import InvalidOption

T = TypeVar("T")

_NAME = "imagegen-nb-loop"
_POLL = 0.1
"""Seconds between the times a loop that awaits runs is woken: an interrupt does not wake a loop that only
waits for another thread."""
_MOST_THREADS = min(32, (os.cpu_count() or 1) + 4)
_GRACE = 15.0
"""Seconds a cancelled run gets to store the images that have arrived."""

_lock = ForkSafeLock()
_loop: asyncio.AbstractEventLoop | None = None
_owner_pid = 0


class Job(Generic[T]):
    """A coroutine that runs on the private loop; making the job starts it.

    `future` completes only when the coroutine has fully unwound, also after a cancel; a cancelled
    job's future holds the `asyncio.CancelledError` it ended with.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop = _running_loop()
        self._task: asyncio.Task[T] | None = None
        self._is_cancelled = False
        # Scheduling copies the caller's context, so that what callbacks print lands in its cell.
        self._loop.call_soon_threadsafe(self._start, work)

    def _start(self, work: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[T]) -> None:
        try:
            self.future.set_result(task.result())
        except BaseException as error:  # noqa: BLE001 - raised again by wait() and join()
            self.future.set_exception(error)

    def cancel(self) -> None:
        """Ask it to stop; safe from any thread, more than once."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        # A second cancel would interrupt the unwinding, which stores the images that have arrived. The task's
        # own count does not tell: for a moment it also holds the cancels by which libraries end their waits.
        if self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    def wait(self) -> T:
        """Block until it is done; an interrupt cancels it, lets it unwind, and is raised again."""
        if threading.current_thread().name == _NAME:
            self.cancel()
            raise InvalidOption(
                "run() was called on the toolkit's own thread (from an on_event callback?), where it "
                "would wait for itself. Start the run elsewhere"
            )
        try:
            # In turns: once polars is loaded, a signal no longer ends a wait for another thread.
            while not self.future.done():
                concurrent.futures.wait([self.future], timeout=_POLL)
            return self.future.result()
        except KeyboardInterrupt as interrupt:
            self.cancel()
            with suppress(concurrent.futures.TimeoutError):
                self._explain(interrupt, self.future.exception(_GRACE))
            raise

    async def join(self) -> T:
        """Await it from any loop; an interrupt, or cancelling the awaiting task, cancels it."""
        wrapped = asyncio.wrap_future(self.future)
        try:
            with _wakened(asyncio.get_running_loop()):
                await asyncio.wait({wrapped})
        except BaseException as interrupt:
            self.cancel()
            await asyncio.wait({wrapped}, timeout=_GRACE)
            if wrapped.done():
                self._explain(interrupt, wrapped.exception())
            raise
        return wrapped.result()

    def _explain(self, interrupt: BaseException, outcome: BaseException | None) -> None:
        """Add the cancelled job's message to the interrupt that the user sees."""
        if isinstance(outcome, asyncio.CancelledError) and outcome.args:
            interrupt.add_note(str(outcome.args[0]))


def raise_if_cancelled() -> None:
    """Raise `asyncio.CancelledError` where the running task was cancelled and goes on all the same.

    A library that ends its own waits by a cancel (anyio, as it connects) can take ours for its own.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, int] = weakref.WeakKeyDictionary()
"""How many runs each loop awaits, for the loops that have a timer."""


@contextmanager
def _wakened(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Wake `loop` again and again inside the block: by one timer, however many runs it awaits."""
    if loop not in _waiting:
        _waiting[loop] = 0
        loop.call_later(_POLL, _wake, loop)
    _waiting[loop] += 1
    try:
        yield
    finally:
        _waiting[loop] -= 1


def _wake(loop: asyncio.AbstractEventLoop) -> None:
    if _waiting[loop]:
        loop.call_later(_POLL, _wake, loop)
    else:
        del _waiting[loop]


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose default executor are daemon threads, which an ending main thread does not stop."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = DaemonThreads(_MOST_THREADS)

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, function: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As asyncio's, with threads of its own where no executor is given."""
        if executor is not None:
            return super().run_in_executor(executor, function, *args)
        return asyncio.wrap_future(self._threads.submit(partial(function, *args)), loop=self)


def _running_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process; a forked child starts a new one, because threads do not survive a fork."""
    global _loop, _owner_pid
    with _lock:
        if _loop is None or _owner_pid != os.getpid():
            loop = _Loop()
            threading.Thread(target=loop.run_forever, name=_NAME, daemon=True).start()
            _loop, _owner_pid = loop, os.getpid()
        return _loop
