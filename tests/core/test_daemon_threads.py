"""Pools of threads: bounded, ending when idle, and fresh in a forked child."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import deque
from contextvars import ContextVar

import pytest

from imagegen_nb.core import daemon_threads
from imagegen_nb.core.daemon_threads import STORE, DaemonThreads

MOST = 3
which: ContextVar[str] = ContextVar("which")


def test_they_are_bounded_end_when_idle_and_take_work_again(monkeypatch):
    monkeypatch.setattr(daemon_threads, "_IDLE", 0.05)
    threads = DaemonThreads(MOST)
    together = threading.Barrier(MOST)
    names = {
        future.result(60)
        for future in [
            threads.submit(lambda: (together.wait(60), threading.current_thread().name)[1])
            for _ in range(MOST * 3)
        ]
    }
    assert len(names) <= MOST
    deadline = time.monotonic() + 60
    while threads._threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads._threads == 0, "idle threads end"
    assert threads.submit(lambda: "again").result(60) == "again"
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(60)


def test_work_that_comes_as_threads_end_is_always_done(monkeypatch):
    """The count of idle threads has to be right at every moment, or work waits for a thread that is gone."""
    monkeypatch.setattr(daemon_threads, "_IDLE", 0.0005)
    threads = DaemonThreads(MOST)

    def hand_in(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(300):
            waiting = [threads.submit(lambda: time.sleep(0)) for _ in range(dice.randrange(1, 6))]
            for future in waiting:
                future.result(30)
            time.sleep(dice.choice((0, 0.0004, 0.0006)))

    callers = [threading.Thread(target=hand_in, args=(seed,)) for seed in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert threads._work == deque()
    deadline = time.monotonic() + 60
    while threads._threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (threads._threads, threads._idle) == (0, 0)
    assert threads.submit(lambda: "again").result(30) == "again"


async def test_work_has_the_context_of_who_awaits_it():
    which.set("this one")
    assert await DaemonThreads(1).run(which.get) == "this one"


def test_after_a_fork_the_child_starts_threads_of_its_own():
    assert STORE.submit(os.getpid).result(60) == os.getpid()
    child = os.fork()
    if not child:
        try:
            os._exit(0 if STORE.submit(os.getpid).result(20) == os.getpid() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def no_more_threads():
    """No thread can be started: each would want more memory than there is."""
    before = threading.stack_size(1 << 46)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("no_more_threads")
def test_without_any_thread_the_caller_does_the_work_itself():
    threads = DaemonThreads(MOST)
    for _ in range(2 * MOST):
        assert threads.submit(threading.get_ident).result(0) == threading.get_ident()
    threading.stack_size(0)
    assert threads.submit(threading.get_ident).result(60) != threading.get_ident()


def test_where_no_further_thread_can_be_started_those_there_are_do_the_work():
    threads = DaemonThreads(MOST)
    may_end = threading.Event()
    first = threads.submit(lambda: may_end.wait(60))
    before = threading.stack_size(1 << 46)
    try:
        waiting = [threads.submit(threading.get_ident) for _ in range(2 * MOST)]
    finally:
        threading.stack_size(before)
    may_end.set()
    assert first.result(60)
    assert {future.result(60) for future in waiting} != {threading.get_ident()}
    assert threads._threads == 1
