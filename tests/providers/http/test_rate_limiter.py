"""One gate for each provider and key: nobody leaves before the time asked for, and not all at once."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential, VertexAI
from imagegen_nb.providers.http import rate_limiter
from imagegen_nb.providers.http.rate_limiter import Gate, gate_of


def connection(url: str = "https://api.example/v1", key: str = "a-key", **more) -> Connection:
    return Connection(base_url=url, credential=Credential(SecretStr(key), "nobody", **more))


async def leave(gate: Gate, wait: float | None = None) -> None:
    """One call that is refused for `wait` seconds, or answered."""
    assert await gate.turn(None, lambda seconds: None)
    with gate.passing() as refused:
        if wait is not None:
            refused(wait)


# Whose gate it is


def test_a_gate_belongs_to_a_provider_and_a_key():
    gates = [
        gate_of("openai", connection()),
        gate_of("xai", connection()),
        gate_of("openai", connection(key="another")),
        gate_of("openai", connection("https://gateway.example/v1")),
        gate_of("gemini", connection(key="", vertex=VertexAI("one"))),
        gate_of("gemini", connection(key="", vertex=VertexAI("two"))),
    ]
    assert len(set(map(id, gates))) == 6
    assert gate_of("openai", connection()) is gates[0]


def test_no_key_is_kept_with_the_gates():
    gate_of("openai", connection(key="a-key-nobody-may-find"))
    assert b"nobody-may-find" not in b"".join(rate_limiter._gates)
    assert "nobody-may-find" not in repr(vars(next(iter(rate_limiter._gates.values()))))


# Waiting


async def test_an_open_gate_lets_everybody_through(waits):
    one = Gate()
    for _ in range(100):
        await leave(one)
    assert waits == []


async def test_nobody_leaves_before_the_time_that_was_asked_for(waits):
    one = Gate()
    await leave(one, 7.0)
    heard = []
    assert await one.turn(None, heard.append)
    assert heard == waits == [7.0]


async def test_a_longer_wait_is_not_shortened_by_a_later_refusal(waits):
    one = Gate()
    with one.passing() as first, one.passing() as second:
        first(30.0)
        second(1.0)
    await leave(one)
    assert sum(waits) == 30.0


async def test_who_wakes_up_to_another_refusal_waits_again(monkeypatch):
    now, waited = [100.0], []
    one = Gate()

    async def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds
        if len(waited) == 1:
            with one.passing() as refused:
                refused(5.0)

    monkeypatch.setattr(rate_limiter, "clock", lambda: now[0])
    monkeypatch.setattr(rate_limiter, "sleep", sleep)
    await leave(one, 2.0)
    await leave(one)
    assert waited[0] == 2.0
    assert sum(waited[1:]) >= 5.0


async def test_after_a_refusal_calls_leave_one_by_one(waits):
    one = Gate()
    await leave(one, 1.0)
    for _ in range(4):
        assert await one.turn(None, lambda seconds: None)
    assert waits[0] == 1.0
    assert all(seconds >= 0.1 for seconds in waits[1:])
    assert len(waits) == 4


async def test_each_refusal_halves_the_pace_and_quiet_minutes_raise_it_again(waits):
    one = Gate()

    async def pace() -> float:
        await one.turn(None, lambda seconds: None)
        before = sum(waits)
        await one.turn(None, lambda seconds: None)
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
    one = Gate()
    for _ in range(20):
        await leave(one, 1.0)
    before = sum(waits)
    for _ in range(5):
        assert await one.turn(None, lambda seconds: None)
    assert sum(waits) - before <= 5 * 12


async def test_who_is_turned_away_takes_nobody_elses_turn(waits):
    """Neither do those who give up while they wait."""
    one = Gate()
    for _ in range(8):
        await leave(one, 1.0)
    now = asyncio.get_running_loop().time()
    for _ in range(50):
        assert not await one.turn(now + 0.1, lambda seconds: None)
    heard = []
    assert await one.turn(None, heard.append)
    assert heard[0] <= 13


async def test_the_turns_of_who_gave_up_are_free_again():
    one, heard = Gate(), []
    with one.passing() as refused:
        refused(30.0)
    waiting = [asyncio.create_task(one.turn(None, heard.append)) for _ in range(40)]
    await asyncio.wait(waiting, timeout=0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert not await one.turn(asyncio.get_running_loop().time(), heard.append)
    last = asyncio.create_task(one.turn(None, heard.append))
    await asyncio.sleep(0)
    assert 29 < heard[-1] <= 30.3 < heard[-2]
    last.cancel()
    await asyncio.wait({last})


async def test_calls_that_had_left_together_slow_the_others_down_only_once(waits):
    together, alone = Gate(), Gate()
    with together.passing() as one, together.passing() as two, together.passing() as three:
        for refused in (one, two, three):
            refused(1.0)
    await leave(alone, 1.0)
    assert together._interval == alone._interval


async def test_of_many_calls_at_once_the_later_ones_leave_shortly_after_each_other(waits):
    one = Gate()

    async def call(over: asyncio.Event) -> None:
        await one.turn(None, lambda seconds: None)
        with one.passing():
            await over.wait()

    over = asyncio.Event()
    calls = [asyncio.create_task(call(over)) for _ in range(20)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert 8 <= len(waits) <= 10
    over.set()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("deadline", [0.0, 5.0])
async def test_a_turn_after_the_deadline_is_refused_at_once(waits, deadline):
    one = Gate()
    await leave(one, 10.0)
    now = asyncio.get_running_loop().time()
    assert not await one.turn(now + deadline, lambda seconds: None)
    assert waits == []


def test_chance_only_ever_adds():
    assert all(10 <= rate_limiter.with_jitter(10) <= 11 for _ in range(100))
    assert rate_limiter.with_jitter(0) == 0
