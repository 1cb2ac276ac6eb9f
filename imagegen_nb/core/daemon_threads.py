"""Pools of threads that an ending main thread does not stop.

A program's main thread may end while other threads still run steps. From then on the pools of
`concurrent.futures`, asyncio's own among them, refuse new work.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

_IDLE = 10.0
"""Seconds after which a thread without work ends."""
_pools: weakref.WeakSet[DaemonThreads] = weakref.WeakSet()


class DaemonThreads:
    """At most `most` threads that are started as they are needed, and end when they have been idle."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        """Start without threads. A forked child must too: they do not survive a fork."""
        self._work: deque[tuple[concurrent.futures.Future[Any], Callable[[], Any]]] = deque()
        """What no thread has taken yet."""
        self._has_work = threading.Condition(threading.Lock())
        self._threads = 0
        self._idle = 0
        """How many of the threads wait for work."""

    async def run(self, function: Callable[[], T]) -> T:
        """Call `function` in one of the threads, in the caller's context, and await what it returns."""
        return await asyncio.wrap_future(self.submit(partial(copy_context().run, function)))

    def submit(self, function: Callable[[], T]) -> concurrent.futures.Future[T]:
        """Call `function` in one of the threads.

        Where the system allows none at all, in the caller's own: it may be to keep what has been paid for.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._has_work:
            self._work.append((future, function))
            is_served = self._idle >= len(self._work) or self._start() or self._threads > 0
            if is_served:
                self._has_work.notify()
            else:
                self._work.pop()
        if not is_served:
            _carry_out(future, function)
        return future

    def _start(self) -> bool:
        """Start a thread, where there may be another one."""
        if self._threads >= self._most:
            return False
        try:
            threading.Thread(target=self._run, name="imagegen-nb-worker", daemon=True).start()
        except RuntimeError:  # the system's limit
            return False
        self._threads += 1
        return True

    def _run(self) -> None:
        while (item := self._next()) is not None:
            _carry_out(*item)
            del item  # an idle thread keeps nothing alive

    def _next(self) -> tuple[concurrent.futures.Future[Any], Callable[[], Any]] | None:
        """The next work; None after a while without any, when this thread no longer counts."""
        with self._has_work:
            while not self._work:
                self._idle += 1
                is_woken = self._has_work.wait(_IDLE)
                self._idle -= 1
                if not is_woken and not self._work:
                    self._threads -= 1
                    return None
            return self._work.popleft()


def _carry_out(future: concurrent.futures.Future[T], function: Callable[[], T]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the future is awaited
            future.set_exception(error)


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool._reset()


os.register_at_fork(after_in_child=_after_fork_in_child)

PIXELS = DaemonThreads(max(1, os.cpu_count() or 1))
"""Decodes and encodes pictures: more threads than cores would only hold more of them in memory."""
STORE = DaemonThreads(32)
"""Waits for the disk: what waits together is committed together."""
