"""When a request may be sent: one rate limiter for each key and model, shared by the whole process.

A provider that says "too many requests" means the key and the model, not the call. So all calls for that
model wait together, and are then sent one by one at a pace that approaches the provider's own: halved with
each refusal, doubled with each minute without one. Before the first refusal nobody waits for the provider: of
many calls at once the later ones leave a moment apart, so that a refusal of the first can stop the rest. Who
knows the provider's published limit may set it, and is not refused at all. Only a monotonic clock is used,
never the time of day.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.providers.base import Connection

LONGEST_WAIT = 60.0
"""Seconds a call waits at most after a refusal; where a provider asks for more, the call is not repeated."""
_AT_ONCE = 10
"""Calls under way at once that need not wait for each other."""
_STAGGER = 0.015
"""Seconds between the calls beyond those: so a first refusal comes in time to stop most of a hundred calls,
and as many are on their way in a second and a half."""
_CAUTIOUS_STAGGER = 0.06
"""The same while no call has ended yet, and nothing is known of the provider."""
_MINUTE = 60.0
"""Seconds in which a published limit counts."""
_SHORTEST_INTERVAL = 0.1
"""Seconds; what has grown shorter than this after refusals is no interval any more."""
_CALM = 60.0
"""Seconds without a refusal in which the pace doubles: providers count by the minute."""
_SLOWEST = 12.0
"""Seconds between calls at most: five a minute is what the smallest accounts may have."""
_JITTER = 0.1
"""The random part of a wait, so that several processes do not repeat their calls at the same time."""

_salt = secrets.token_bytes(16)
_limiters: dict[bytes, RateLimiter] = {}
_lock = ForkSafeLock()


class RateLimiter:
    """Spaces the calls of one provider with one key, of which at most `per_minute` leave in any minute."""

    def __init__(self, per_minute: int | None = None) -> None:
        self.per_minute = per_minute
        self._turns: deque[float] = deque()
        """The turns of the last minute, and those that are reserved, where there is a published limit."""
        self._under_way = 0
        self._any_ended = False
        self._waiting = 0
        self._next = 0.0
        self._interval = 0.0
        self._blocked_until = 0.0
        self._guard = ForkSafeLock()

    async def acquire(self, deadline: float | None, on_wait: Callable[[float], object]) -> bool:
        """Wait until a call may be sent. False at once if that is only after `deadline` (the running loop's
        time). `on_wait` is called with the seconds of each wait."""
        while True:
            left = math.inf if deadline is None else deadline - asyncio.get_running_loop().time()
            turn, seconds = self._reserve(left)
            if turn is None:
                return False
            if seconds <= 0:
                return True
            may_send = False
            try:
                on_wait(seconds)
                await sleep(seconds)
                may_send = self._may_send()
            finally:
                self._end_wait(None if may_send else turn)
            if may_send:
                return True

    def forget_calls(self) -> None:
        """Count no call as under way or waiting, for a forked child: its parent's are not its own. What is
        known of the provider stays."""
        self._under_way = self._waiting = 0

    @contextmanager
    def in_flight(self) -> Iterator[Callable[[float], None]]:
        """Count a call as under way inside the block. The function it yields reports that the call was
        refused, and for how many seconds nothing should be sent."""
        sent_at = clock()
        self._count(1)
        try:
            yield partial(self._record_refusal, sent_at)
        finally:
            self._count(-1)
            self._any_ended = True

    def _reserve(self, limit: float) -> tuple[float | None, float]:
        """Reserve the next turn: the clock's time of it, and the seconds until then. None, reserving nothing,
        for `limit` seconds or more."""
        with self._guard:
            now = clock()
            at = max(now, self._next, self._after_a_minute(now))
            if at > now and at - now >= limit:
                return None, at - now
            self._next = at + self._spacing(now)
            self._waiting += at > now
            if self.per_minute is not None:
                self._turns.append(at)
            return at, at - now

    def _after_a_minute(self, now: float) -> float:
        """When the published limit allows a further call."""
        while self._turns and self._turns[0] <= now - _MINUTE:
            self._turns.popleft()
        if self.per_minute is None or len(self._turns) < self.per_minute:
            return now
        return self._turns[-self.per_minute] + _MINUTE

    def _end_wait(self, unused: float | None) -> None:
        """End a wait, also one that was cancelled, and free its `unused` turn; the last one gives back the
        turns reserved after it."""
        with self._guard:
            self._waiting -= 1
            if unused is not None and unused in self._turns:
                self._turns.remove(unused)
            if not self._waiting:
                now = clock()
                self._next = min(self._next, max(now, self._blocked_until) + self._spacing(now))

    def _spacing(self, now: float) -> float:
        """Seconds between this call and the next."""
        stagger = _STAGGER if self._any_ended else _CAUTIOUS_STAGGER
        return max(self._pace(now), stagger if self._under_way >= _AT_ONCE else 0.0)

    def _pace(self, now: float) -> float:
        """Seconds between calls, as learned from the refusals so far."""
        calm = max(0.0, now - self._blocked_until) / _CALM
        interval = self._interval * 0.5**calm
        return interval if interval > _SHORTEST_INTERVAL else 0.0

    def _may_send(self) -> bool:
        """Whether a turn that has come is still good: another call may have been refused meanwhile."""
        with self._guard:
            return clock() >= self._blocked_until

    def _count(self, one: int) -> None:
        with self._guard:
            self._under_way += one

    def _record_refusal(self, sent_at: float, wait: float) -> None:
        with self._guard:
            now = clock()
            # A call sent before the last refusal says nothing new about the pace.
            if sent_at >= self._blocked_until:
                self._interval = max(2 * _SHORTEST_INTERVAL, min(2 * self._pace(now), _SLOWEST))
            self._blocked_until = max(self._blocked_until, now + wait)
            self._next = max(self._next, self._blocked_until)


def limiter_for(provider: str, connection: Connection, model: str = "") -> RateLimiter:
    """The rate limiter of a connection's calls for `model`: providers count the calls of each by itself.

    It is found by a salted hash of the key, which is not kept.
    """
    vertex = connection.credential.vertex
    address = connection.send_to or connection.base_url
    account = "\0".join((provider, model, address, vertex.project if vertex else "", connection.key))
    name = sha256(_salt + account.encode()).digest()
    with _lock:
        limiter = _limiters.setdefault(name, RateLimiter())
    if connection.requests_per_minute is not None:  # another workspace may not know the account's limit
        limiter.per_minute = connection.requests_per_minute
    return limiter


def _after_fork_in_child() -> None:
    for limiter in _limiters.values():
        limiter.forget_calls()


os.register_at_fork(after_in_child=_after_fork_in_child)


def with_jitter(seconds: float) -> float:
    """`seconds` and a little more by chance; never less, because the provider asked for them."""
    return seconds * (1 + _JITTER * random.random())  # noqa: S311 - not for secrets


def clock() -> float:
    """Seconds of a clock that only goes forward."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait on the running loop."""
    await asyncio.sleep(seconds)
