"""A lock for what all threads of a process share.

A forked child has only the thread that forked. What another thread of its parent held just then would stay
locked for ever.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


class ForkSafeLock:
    """A context manager that lets in one thread at a time, and is free in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _replace(self) -> None:
        self._lock = threading.Lock()


def _after_fork_in_child() -> None:
    for lock in list(_locks):
        lock._replace()


os.register_at_fork(after_in_child=_after_fork_in_child)
