"""When a request may leave: one gate for each provider and key, shared by all that goes on in the process.

A provider that says "too many requests" means the key, not the call. So all calls wait together, and then
leave one by one at a pace that finds the provider's own: halved with each refusal, doubled with each minute
without one. Before anything is refused the gate stands open, except that of many calls at once the later
ones leave shortly after each other. Nothing here looks at the clock on the wall.
"""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256

from imagegen_nb.providers.base import Connection

LONGEST_WAIT = 60.0
"""Seconds a call waits at most because one was refused; a provider that asks for more is not asked again."""
_AT_ONCE = 10
"""Calls under way at once that need not wait for each other."""
_STEP = 0.1
"""Seconds between the calls beyond those."""
_CALM = 60.0
"""Seconds without a refusal in which the pace doubles: providers count by the minute."""
_SLOWEST = 12.0
"""Seconds between calls at most: five a minute is what the smallest accounts may have."""
_JITTER = 0.1
"""The part of a wait that is left to chance, so that several processes do not come back in step."""

_salt = secrets.token_bytes(16)
_gates: dict[bytes, Gate] = {}
_lock = threading.Lock()


class Gate:
    """The way to one provider with one key."""

    def __init__(self) -> None:
        self._under_way = 0
        self._waiting = 0
        self._next = 0.0
        self._interval = 0.0
        self._closed_until = 0.0
        self._guard = threading.Lock()

    async def turn(self, deadline: float | None, waiting: Callable[[float], object]) -> bool:
        """Wait for a turn; false, and at once, where it comes only after `deadline` (the running loop's
        time). `waiting` hears of each wait, in seconds."""
        while True:
            left = math.inf if deadline is None else deadline - asyncio.get_running_loop().time()
            seconds = self._take(left)
            if seconds is None:
                return False
            if seconds <= 0:
                return True
            try:
                waiting(seconds)
                await sleep(seconds)
            finally:
                self._waited()
            if self._is_open():
                return True

    @contextmanager
    def passing(self) -> Iterator[Callable[[float], None]]:
        """Count as under way inside the block. It is given a function to say that the call was refused, and
        how many seconds to wait."""
        left = clock()
        self._count(1)
        try:
            yield partial(self._refused, left)
        finally:
            self._count(-1)

    def _take(self, most: float) -> float | None:
        """Take the next turn: the seconds until it comes. None, and nothing taken, for `most` or more."""
        with self._guard:
            now = clock()
            at = max(now, self._next)
            if at > now and at - now >= most:
                return None
            self._next = at + self._spacing(now)
            self._waiting += at > now
            return at - now

    def _waited(self) -> None:
        """A turn that was waited for has come, or was given up. Nobody else waits for those after it."""
        with self._guard:
            self._waiting -= 1
            if not self._waiting:
                now = clock()
                self._next = min(self._next, max(now, self._closed_until) + self._spacing(now))

    def _spacing(self, now: float) -> float:
        """Seconds between this call and the next."""
        return max(self._pace(now), _STEP if self._under_way >= _AT_ONCE else 0.0)

    def _pace(self, now: float) -> float:
        """Seconds between calls that the refusals so far have taught."""
        calm = max(0.0, now - self._closed_until) / _CALM
        interval = self._interval * 0.5**calm
        return interval if interval > _STEP else 0.0

    def _is_open(self) -> bool:
        """Whether a turn that has come still counts: another call may have been refused meanwhile."""
        with self._guard:
            return clock() >= self._closed_until

    def _count(self, one: int) -> None:
        with self._guard:
            self._under_way += one

    def _refused(self, left: float, wait: float) -> None:
        with self._guard:
            now = clock()
            # A call that had left before the last refusal says nothing new of the pace.
            if left >= self._closed_until:
                self._interval = max(2 * _STEP, min(2 * self._pace(now), _SLOWEST))
            self._closed_until = max(self._closed_until, now + wait)
            self._next = max(self._next, self._closed_until)


def gate_of(provider: str, connection: Connection) -> Gate:
    """The gate that a connection's calls go through. The key takes part in its name as a salted hash."""
    vertex = connection.credential.vertex
    place = connection.send_to or connection.base_url
    who = "\0".join((provider, place, vertex.project if vertex else "", connection.key))
    name = sha256(_salt + who.encode()).digest()
    with _lock:
        return _gates.setdefault(name, Gate())


def with_jitter(seconds: float) -> float:
    """`seconds` and a little more by chance; never less, since somebody asked for them."""
    return seconds * (1 + _JITTER * random.random())  # noqa: S311 - it keeps no secret


def clock() -> float:
    """Seconds of a clock that only goes forward."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait on the running loop."""
    await asyncio.sleep(seconds)
