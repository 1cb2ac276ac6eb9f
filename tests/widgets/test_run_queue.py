"""One run after the other: turns, cancels, refusals."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from imagegen_nb.core.background_loop import Job
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.run_queue import RunQueue, RunRequest

STEP = ImageGenerationStep(prompt="a fox")


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def note(request: RunRequest | None = None, error: object = None) -> None:
            outcome = f" {type(error).__name__}" if error is not None else ""
            self.told.append(f"{name.removeprefix('run_')} {request.id if request else ''}{outcome}".strip())

        return note


class Work:
    """Jobs that end when they are told to, by the id of their request."""

    def __init__(self) -> None:
        self.gates: dict[str, threading.Event] = {}
        self.refused: set[str] = set()

    def submit(self, request: RunRequest, _on_event: object) -> Job[Any]:
        if request.id in self.refused:
            raise InvalidOption("no")
        gate = self.gates.setdefault(request.id, threading.Event())

        async def work() -> Any:
            while not gate.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.005)

        return Job(work())


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def queue(work, listener):
    queue = RunQueue(work.submit, listener)
    yield queue
    queue.cancel_all()


def request(name: str) -> RunRequest:
    return RunRequest(step=STEP, inputs={}, id=name)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def finish(work: Work, name: str) -> None:
    until(lambda: name in work.gates)
    work.gates[name].set()


def test_one_goes_on_and_the_others_wait_in_order(queue, work, listener):
    for name in "abc":
        queue.add(request(name))
    assert (queue.current.id, [one.id for one in queue.waiting], queue.is_idle) == ("a", ["b", "c"], False)
    for name in "abc":
        finish(work, name)
    until(lambda: queue.is_idle)
    assert [line for line in listener.told if line != "queue_changed"] == [
        *("started a", "queued b", "queued c", "ended a", "started b", "ended b", "started c", "ended c")
    ]
    assert (queue.current, queue.waiting) == (None, ())


def test_one_is_cancelled_alone(queue, work, listener):
    for name in "abc":
        queue.add(request(name))
    until(lambda: "a" in work.gates)
    time.sleep(0.05)
    queue.cancel("b")
    queue.cancel("a")
    queue.cancel("nobody")
    until(lambda: "started c" in listener.told)
    assert "ended a CancelledError" in listener.told
    assert "dropped b" in listener.told
    finish(work, "c")
    until(lambda: queue.is_idle)
    assert "started b" not in listener.told


def test_a_cancel_of_all_forgets_those_that_wait(queue, work, listener):
    for name in "ab":
        queue.add(request(name))
    queue.cancel_all()
    until(lambda: queue.is_idle)
    assert ("dropped b" in listener.told, "started b" in listener.told) == (True, False)


def test_an_interrupt_forgets_those_that_wait_too(work, listener):
    jobs = []
    queue = RunQueue(lambda *a: jobs.append(work.submit(*a)) or jobs[-1], listener)
    for name in "ab":
        queue.add(request(name))
    jobs[0].cancel()  # as `interrupts` does it
    until(lambda: queue.is_idle)
    assert ("dropped b" in listener.told, "started b" in listener.told) == (True, False)


def test_a_refusal_ends_one_and_the_next_begins(queue, work, listener):
    work.refused |= {"a", "c"}
    queue.add(request("a"))
    assert listener.told == ["started a", "ended a InvalidOption", "queue_changed"]
    assert queue.is_idle
    for name in "bcd":
        queue.add(request(name))
    finish(work, "b")
    finish(work, "d")
    until(lambda: queue.is_idle)
    assert "ended c InvalidOption" in listener.told
    assert listener.told[-2:] == ["ended d", "queue_changed"]


def test_a_cancel_that_comes_while_a_run_is_prepared_counts(work, listener):
    def submit(one: RunRequest, on_event: object) -> Job[Any]:
        queue.cancel(one.id)
        return work.submit(one, on_event)

    queue = RunQueue(submit, listener)
    queue.add(request("a"))
    until(lambda: queue.is_idle)
    assert "ended a CancelledError" in listener.told


def test_requests_from_many_threads_are_all_run(queue, work, listener):
    names = [f"r{number}" for number in range(12)]
    for name in names:
        work.gates[name] = threading.Event()
        work.gates[name].set()
    threads = [threading.Thread(target=queue.add, args=(request(name),)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: queue.is_idle)
    assert sorted(line for line in listener.told if line.startswith("ended")) == sorted(
        f"ended {n}" for n in names
    )
