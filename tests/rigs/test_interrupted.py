"""Interrupts at random moments: nothing more is asked, what came is kept, and the store stays usable.

By Ctrl-C in a program, by a kernel's interrupt, and by cancelling tasks and jobs, alone and side by side.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from support.kernels import PATIENCE, Kernel

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.emulator import Emulator
from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs.figures import Figure, count, cycles, none_of, note

IMAGES = 4
"""Images of the step, and so its requests: Gemini makes one a request, all at once."""
SIDE_BY_SIDE = 3
LATENCY = 0.1
LONGEST = 0.4
"""Seconds until the interrupt; a whole run takes some less."""
AFTER = 2 * LATENCY
"""Seconds in which a request that should have been given up would arrive."""
FLASH = ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=IMAGES)
PREPARE = """
import asyncio, signal, time, uuid
import imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r}, timeout=300)
def step():
    return ig.ImageGenerationStep(
        model="gemini-nano-banana-2.1", prompt=uuid.uuid4().hex, image_count={images})
step().run(workspace=workspace)
async def rest():
    for _ in range(1200):  # the kernel hears of an interrupt when its loop wakes up
        await asyncio.sleep(0.1)
"""
TRIALS = """
print("ready", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in range({rounds}):
    input()
    try:
        print("go", flush=True)
        while True:  # one run after the other, until the interrupt comes
            step().run(workspace=workspace)
    except KeyboardInterrupt:
        pass
    print("stopped", flush=True)
input()
print(step().run(workspace=workspace).status, flush=True)
"""
# They sleep after the run, so that the interrupt always meets the cell.
SYNC = "step().run(workspace=workspace); time.sleep(120)"
ASYNC = "await step().arun(workspace=workspace); await rest()"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages


def unique_step() -> ImageGenerationStep:
    """A step with a prompt of its own, to know its requests by."""
    return FLASH.replace(prompt=uuid.uuid4().hex)


class Watch:
    """Judges the moments after each interrupt, by what the server saw and what the store holds."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.folder = emulator, folder
        self.dice = random.Random(4)
        self.requests: Counter[str] = Counter()
        """How often each prompt was asked, and so each run."""
        self.late = self.rounds = 0
        emulator.latency = LATENCY

    def moment(self) -> float:
        """Seconds until the next interrupt."""
        self.forget()
        return self.dice.uniform(0, LONGEST)

    def forget(self) -> None:
        """Count what the emulator has logged, and empty its log."""
        for request in self.emulator.requests:
            self.requests[request.body["contents"][0]["parts"][0]["text"]] += 1
        self.emulator.clear()

    def judge(self) -> None:
        """Nothing stays under way, nothing is asked that had not begun, and every image is whole."""
        self.rounds += 1
        with Workspace(self.folder, backend="emulator") as workspace:
            end = time.monotonic() + PATIENCE
            while any(run.state == "calling" for run in workspace.runs()):
                assert time.monotonic() < end, "a run stays under way"
                time.sleep(0.01)
            asked = self._arrived()
            time.sleep(AFTER)
            self.late += self.emulator.count() - asked
            for record in workspace.records():
                with workspace.store.open(record.id) as file:
                    assert hashlib.sha256(file.read()).hexdigest() == record.sha256

    def _arrived(self) -> int:
        """How many requests there are, once the server has read what left before the end of the run: on a
        busy machine it is late, but it reads in order."""
        for _ in range(3):  # a new connection each: it stands behind all that were made before it
            httpx2.get(f"{self.emulator.url}/_emulator/health", trust_env=False, timeout=PATIENCE)
        return self.emulator.count()

    def tell(self, how: str) -> None:
        """A run works as before; then all that was seen, as figures."""
        with Workspace(self.folder, backend=self.emulator.url) as workspace:
            assert unique_step().run(workspace=workspace).status == "done"
        self.forget()
        store = LocalStore(self.folder)
        report = maintenance.check(store)
        store.close()
        states = Counter(run.state for run in report.runs)
        most, asked = max(self.requests.values()), sum(self.requests.values())
        for figure in (
            count(f"interrupts by {how}", self.rounds),
            count("requests at the emulator", asked),
            count("runs recorded as interrupted or cancelled", states["interrupted"] + states["cancelled"]),
            Figure("most requests of one run", str(most), f"≤ {IMAGES}", 0 < most <= IMAGES),
            none_of("requests after an interrupt", self.late),
            none_of("requests beyond the runs in the ledger", max(0, asked - IMAGES * len(report.runs))),
            none_of("problems a check finds", report.problems),
            none_of("runs still under way", states["calling"]),
        ):
            note("interrupts", figure)


@pytest.fixture
def watch(emulator, tmp_path) -> Watch:
    return Watch(emulator, tmp_path / "assets")


def prepared(watch: Watch) -> str:
    return PREPARE.format(folder=str(watch.folder), url=watch.emulator.url, images=IMAGES)


def test_by_signal(watch):
    rounds = cycles(8, 140)
    program = prepared(watch) + TRIALS.format(rounds=rounds)
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        for _ in range(rounds):
            moment = watch.moment()
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == "go\n"
            time.sleep(moment)
            os.kill(child.pid, signal.SIGINT)
            assert child.stdout.readline() == "stopped\n"
            watch.judge()
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "done\n"
    finally:
        child.kill()
        child.communicate()
    watch.tell("signal")


def test_by_the_kernels_interrupt(watch):
    with Kernel.running() as kernel:
        assert kernel.reply(kernel.start(prepared(watch)))["status"] == "ok"
        for number in range(cycles(5, 50)):
            moment = watch.moment()
            cell = kernel.start(f"print('go', flush=True); {SYNC if number % 2 else ASYNC}")
            kernel.messages(cell, until=lambda kind, content: kind == "stream")
            time.sleep(moment)
            kernel.interrupt()
            assert kernel.reply(cell)["status"] == "error"
            watch.judge()
    watch.tell("a kernel's interrupt")


async def test_by_cancelling_the_task(watch):
    with Workspace(watch.folder, backend=watch.emulator.url, timeout=300) as workspace:
        await unique_step().arun(workspace=workspace)
        for number in range(cycles(10, 70)):
            moment = watch.moment()
            if number % 2:
                task = asyncio.create_task(unique_step().arun(workspace=workspace))
                await asyncio.sleep(moment)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                job = workspace.submit(unique_step())
                await asyncio.sleep(moment)
                job.cancel()
                await asyncio.to_thread(
                    lambda job=job: job.future.exception() if not job.future.cancelled() else None
                )
            await asyncio.to_thread(watch.judge)
    watch.tell("cancelling")


async def test_by_cancelling_runs_side_by_side(watch):
    """Workers make run after run, until the task they belong to is cancelled."""

    async def worker(workspace: Workspace) -> None:
        while True:
            await unique_step().arun(workspace=workspace)

    with Workspace(watch.folder, backend=watch.emulator.url, timeout=300) as workspace:
        await unique_step().arun(workspace=workspace)
        for _ in range(cycles(6, 100)):
            workers = asyncio.gather(*(worker(workspace) for _ in range(SIDE_BY_SIDE)))
            with suppress(TimeoutError):
                await asyncio.wait_for(workers, watch.moment())
            await asyncio.to_thread(watch.judge)
    watch.tell("cancelling workers side by side")
