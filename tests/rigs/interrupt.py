"""Interrupted at random moments: Ctrl-C in a program, and the cancel of a task that has runs side by side."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs import serving, spawning
from rigs.outcome import Figure, count, none_of

CYCLES, QUICK = 200, 6
_LATENCY = 0.1
_WORKERS = 3
_LONGEST = 0.5
"""Seconds until the interrupt at the latest: a few runs."""
_AFTER = 2 * _LATENCY
"""Seconds in which a request that should have been given up would arrive."""
_SETTLES = 10.0
"""Seconds within which what was under way is recorded."""


def run(cycles: int, folder: Path) -> list[Figure]:
    """Every other time a signal comes, else a task is cancelled; a child each, which looks what is left."""
    importlib.import_module("openai")
    importlib.import_module("imagegen_nb.providers.http.client")
    dice = random.Random(13)
    unusable = []
    with serving.emulator(_LATENCY) as url:
        for number in range(cycles):
            work = partial(_by_signal if number % 2 else _by_cancel, dice.uniform(0, _LONGEST))
            child = spawning.fork(partial(_look_after, work, folder / "store", url))
            unusable += [] if spawning.ended_well(child) else [number]
        asked = serving.asked(url)
    store = LocalStore(folder / "store")
    report = maintenance.check(store)
    store.close()
    states = Counter(run.state for run in report.runs)
    return [
        count("interrupts", cycles),
        count("requests at the emulator", sum(asked.values())),
        count("runs recorded as interrupted", states["interrupted"]),
        none_of("stores that were not usable, or that a late request followed", unusable),
        none_of("requests sent twice", [prompt for prompt, times in asked.items() if times > 1]),
        none_of("requests beyond the runs in the ledger", max(0, sum(asked.values()) - len(report.runs))),
        none_of("problems a check finds", report.problems),
        none_of("runs still under way", states["calling"]),
    ]


def _look_after(work: Callable[[Workspace], None], store: Path, url: str) -> None:
    """Be interrupted at work. Then nothing may be under way, nothing may be sent, and all must go on."""
    workspace = Workspace(store, backend=url)
    work(workspace)
    end = time.monotonic() + _SETTLES
    while any(run.state == "calling" for run in workspace.runs()):
        assert time.monotonic() < end, "a run stays under way"
        time.sleep(0.01)
    before = serving.asked(url)
    time.sleep(_AFTER)
    assert serving.asked(url) == before, "a request left after the interrupt"
    assert _step().run(workspace=workspace).status == "done"


def _by_signal(seconds: float, workspace: Workspace) -> None:
    """One run after the other, until the main thread is interrupted."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        while True:
            _step().run(workspace=workspace)


def _by_cancel(seconds: float, workspace: Workspace) -> None:
    """Workers that make run after run, until the task they belong to is cancelled."""

    async def worker() -> None:
        while True:
            await _step().arun(workspace=workspace)

    async def all_workers() -> None:
        await asyncio.wait_for(asyncio.gather(*(worker() for _ in range(_WORKERS))), seconds)

    with suppress(TimeoutError):
        asyncio.run(all_workers())


def _step() -> ImageGenerationStep:
    """A small picture, with a prompt of its own to know its request by."""
    return ImageGenerationStep(prompt=uuid.uuid4().hex, image_size="1024x640", image_output_format="jpeg")
