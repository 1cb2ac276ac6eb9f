"""One rate limiter for each provider and key: nobody leaves before the time asked, and not all at once."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from dataclasses import replace

import pytest
from pydantic import SecretStr

from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential, VertexAI
from imagegen_nb.providers.http import rate_limiter
from imagegen_nb.providers.http.rate_limiter import RateLimiter, limiter_for


def connection(url: str = "https://api.example/v1", key: str = "a-key", **more) -> Connection:
    return Connection(base_url=url, credential=Credential(SecretStr(key), "nobody", **more))


async def leave(limiter: RateLimiter, wait: float | None = None) -> None:
    """One call that is refused for `wait` seconds, or answered."""
    assert await limiter.acquire(None, lambda seconds: None)
    with limiter.in_flight() as refused:
        if wait is not None:
            refused(wait)


# Which calls share one


def test_a_rate_limiter_belongs_to_a_provider_and_a_key():
    limiters = [
        limiter_for("openai", connection()),
        limiter_for("xai", connection()),
        limiter_for("openai", connection(key="another")),
        limiter_for("openai", connection("https://gateway.example/v1")),
        limiter_for("gemini", connection(key="", vertex=VertexAI("one"))),
        limiter_for("gemini", connection(key="", vertex=VertexAI("two"))),
    ]
    assert len(set(map(id, limiters))) == 6
    assert limiter_for("openai", connection()) is limiters[0]


def test_no_key_is_kept_with_the_limiters():
    limiter_for("openai", connection(key="a-key-nobody-may-find"))
    assert b"nobody-may-find" not in b"".join(rate_limiter._limiters)
    assert "nobody-may-find" not in repr(vars(next(iter(rate_limiter._limiters.values()))))


# Waiting


async def test_without_a_refusal_nobody_waits(waits):
    one = RateLimiter()
    for _ in range(100):
        await leave(one)
    assert waits == []


async def test_nobody_leaves_before_the_time_that_was_asked_for(waits):
    one = RateLimiter()
    await leave(one, 7.0)
    heard = []
    assert await one.acquire(None, heard.append)
    assert heard == waits == [7.0]


async def test_a_longer_wait_is_not_shortened_by_a_later_refusal(waits):
    one = RateLimiter()
    with one.in_flight() as first, one.in_flight() as second:
        first(30.0)
        second(1.0)
    await leave(one)
    assert sum(waits) == 30.0


async def test_who_wakes_up_to_another_refusal_waits_again(monkeypatch):
    now, waited = [100.0], []
    one = RateLimiter()

    async def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds
        if len(waited) == 1:
            with one.in_flight() as refused:
                refused(5.0)

    monkeypatch.setattr(rate_limiter, "clock", lambda: now[0])
    monkeypatch.setattr(rate_limiter, "sleep", sleep)
    await leave(one, 2.0)
    await leave(one)
    assert waited[0] == 2.0
    assert sum(waited[1:]) >= 5.0


async def test_after_a_refusal_calls_leave_one_by_one(waits):
    one = RateLimiter()
    await leave(one, 1.0)
    for _ in range(4):
        assert await one.acquire(None, lambda seconds: None)
    assert waits[0] == 1.0
    assert all(seconds >= 0.1 for seconds in waits[1:])
    assert len(waits) == 4


async def test_each_refusal_halves_the_pace_and_quiet_minutes_raise_it_again(waits):
    one = RateLimiter()

    async def pace() -> float:
        await one.acquire(None, lambda seconds: None)
        before = sum(waits)
        await one.acquire(None, lambda seconds: None)
        return sum(waits) - before

    await leave(one, 1.0)
    first = await pace()
    await leave(one, 1.0)
    second = await pace()
    assert second == pytest.approx(2 * first, rel=0.1)
    waits.append(180.0)  # three minutes pass
    before = len(waits)
    for _ in range(5):
        await leave(one)
    assert len(waits) == before


async def test_many_refusals_in_a_row_do_not_slow_the_calls_down_for_long(waits):
    one = RateLimiter()
    for _ in range(20):
        await leave(one, 1.0)
    before = sum(waits)
    for _ in range(5):
        assert await one.acquire(None, lambda seconds: None)
    assert sum(waits) - before <= 5 * 12


async def test_who_is_turned_away_takes_nobody_elses_turn(waits):
    """Neither do those who give up while they wait."""
    one = RateLimiter()
    for _ in range(8):
        await leave(one, 1.0)
    now = asyncio.get_running_loop().time()
    for _ in range(50):
        assert not await one.acquire(now + 0.1, lambda seconds: None)
    heard = []
    assert await one.acquire(None, heard.append)
    assert heard[0] <= 13


async def test_the_turns_of_who_gave_up_are_free_again():
    one, heard = RateLimiter(), []
    with one.in_flight() as refused:
        refused(30.0)
    waiting = [asyncio.create_task(one.acquire(None, heard.append)) for _ in range(40)]
    await asyncio.wait(waiting, timeout=0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert not await one.acquire(asyncio.get_running_loop().time(), heard.append)
    last = asyncio.create_task(one.acquire(None, heard.append))
    await asyncio.sleep(0)
    assert 29 < heard[-1] <= 30.3 < heard[-2]
    last.cancel()
    await asyncio.wait({last})


async def test_calls_that_had_left_together_slow_the_others_down_only_once(waits):
    together, alone = RateLimiter(), RateLimiter()
    with together.in_flight() as one, together.in_flight() as two, together.in_flight() as three:
        for refused in (one, two, three):
            refused(1.0)
    await leave(alone, 1.0)
    assert together._interval == alone._interval


async def test_a_published_limit_holds_in_every_minute_and_lets_the_first_calls_leave_together(waits):
    one = RateLimiter(per_minute=3)
    for _ in range(9):
        await leave(one)
    assert waits == [60.0, 60.0]


async def test_a_turn_given_up_is_not_counted_against_a_published_limit():
    one, heard = RateLimiter(per_minute=2), []
    for _ in range(2):
        await leave(one)
    gone = asyncio.create_task(one.acquire(None, heard.append))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    assert len(one._turns) == 2
    assert not await one.acquire(asyncio.get_running_loop().time() + 5, heard.append)
    assert len(one._turns) == 2


def test_the_published_limit_stated_last_holds_for_all_who_use_the_key():
    unlimited = connection(key="a third")
    assert limiter_for("openai", unlimited, "m").per_minute is None
    for limit in (5, 7):
        limited = replace(unlimited, requests_per_minute=limit)
        assert limiter_for("openai", limited, "m").per_minute == limit
        assert limiter_for("openai", unlimited, "m").per_minute == limit


async def test_of_many_calls_at_once_the_later_ones_leave_shortly_after_each_other(waits):
    one = RateLimiter()

    async def call(over: asyncio.Event) -> None:
        await one.acquire(None, lambda seconds: None)
        with one.in_flight():
            await over.wait()

    over = asyncio.Event()
    calls = [asyncio.create_task(call(over)) for _ in range(20)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert 8 <= len(waits) <= 10
    over.set()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("ended", [False, True])
async def test_they_leave_at_longer_intervals_while_nothing_is_known_of_the_provider(waits, ended):
    one = RateLimiter()
    if ended:
        await leave(one)
    with ExitStack() as calls:
        for _ in range(11):
            await one.acquire(None, lambda seconds: None)
            calls.enter_context(one.in_flight())
        await one.acquire(None, lambda seconds: None)
    expected = rate_limiter._STAGGER if ended else rate_limiter._CAUTIOUS_STAGGER
    assert waits == [pytest.approx(expected)]


@pytest.mark.parametrize("deadline", [0.0, 5.0])
async def test_a_turn_after_the_deadline_is_refused_at_once(waits, deadline):
    one = RateLimiter()
    await leave(one, 10.0)
    now = asyncio.get_running_loop().time()
    assert not await one.acquire(now + deadline, lambda seconds: None)
    assert waits == []


def test_chance_only_ever_adds():
    assert all(10 <= rate_limiter.with_jitter(10) <= 11 for _ in range(100))
    assert rate_limiter.with_jitter(0) == 0


# A forked child


def test_a_child_does_not_wait_for_the_calls_of_its_parent():
    limiter = limiter_for("openai", connection(key="a-key-of-the-fork"))
    with ExitStack() as calls:
        for _ in range(50):
            refused = calls.enter_context(limiter.in_flight())
        refused(30.0)
        child = os.fork()
        if child == 0:
            unhurried = limiter._under_way == limiter._waiting == 0
            still_refused = 29 < limiter._blocked_until - rate_limiter.clock() <= 30
            os._exit(0 if unhurried and still_refused else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert limiter._under_way == 50
