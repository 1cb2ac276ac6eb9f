"""Interrupts at random moments: nothing more is asked, what came is kept, and the store stays usable."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.kernels import Kernel

from imagegen_nb import ImageGenerationStep, Workspace
from rigs.figures import cycles, figure

WORKERS = 4
"""Images of the step, and so its requests: Gemini makes one a request, all at once."""
LATENCY = 0.1
LONGEST = 0.4
"""Seconds until the interrupt; a whole run takes some less."""
FLASH = ImageGenerationStep(model="gemini-3.1-flash-image", prompt="a fox", image_count=WORKERS)
PREPARE = """
import asyncio, signal, time
import imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r}, timeout=60)
step = ig.ImageGenerationStep(model="gemini-3.1-flash-image", prompt="a fox", image_count={workers})
step.run(workspace=workspace)
async def rest():
    for _ in range(600):  # the kernel hears of an interrupt when its loop wakes up
        await asyncio.sleep(0.1)
"""
TRIALS = """
print("ready", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in range({rounds}):
    input()
    try:
        print("go", flush=True)
        step.run(workspace=workspace)
        time.sleep(60)  # the interrupt comes for sure
    except KeyboardInterrupt:
        pass
    print("stopped", flush=True)
input()
print(step.run(workspace=workspace).status, flush=True)
"""
# They sleep after the run, so that the interrupt always meets the cell.
SYNC = "step.run(workspace=workspace); time.sleep(60)"
ASYNC = "await step.arun(workspace=workspace); await rest()"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages


class Watch:
    """Judges the moments after each interrupt, by what the server saw and what the store holds."""

    def __init__(self, emulator, folder: Path) -> None:
        self.emulator, self.folder = emulator, folder
        self.dice = random.Random(4)
        self.most = self.late = self.rounds = 0
        emulator.latency = LATENCY

    def moment(self) -> float:
        self.emulator.clear()
        return self.dice.uniform(0, LONGEST)

    def judge(self) -> None:
        """Nothing was asked that had not begun, and every image is whole."""
        asked = self.emulator.count()
        time.sleep(0.05)
        self.rounds += 1
        self.most = max(self.most, asked)
        self.late += self.emulator.count() - asked
        with Workspace(self.folder, backend="emulator") as workspace:
            for record in workspace.records():
                with workspace.store.open(record.id) as file:
                    assert hashlib.sha256(file.read()).hexdigest() == record.sha256

    def tell(self, how: str) -> None:
        with Workspace(self.folder, backend=self.emulator.url) as workspace:
            assert FLASH.run(workspace=workspace).status == "done"
        figure("interrupts", f"{self.rounds} by {how}, most requests of one run", self.most, f"≤ {WORKERS}")
        figure("interrupts", f"{self.rounds} by {how}, requests after it", self.late, "0")
        assert 0 < self.most <= WORKERS
        assert self.late == 0


@pytest.fixture
def watch(emulator, tmp_path) -> Watch:
    return Watch(emulator, tmp_path / "assets")


def prepared(watch: Watch) -> str:
    return PREPARE.format(folder=str(watch.folder), url=watch.emulator.url, workers=WORKERS)


def test_by_signal(watch):
    rounds = cycles(8, 80)
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
            call = SYNC if number % 2 else ASYNC
            moment = watch.moment()
            cell = kernel.start(f"print('go', flush=True); {call}")
            kernel.messages(cell, until=lambda kind, content: kind == "stream")
            time.sleep(moment)
            kernel.interrupt()
            assert kernel.reply(cell)["status"] == "error"
            watch.judge()
    watch.tell("a kernel's interrupt")


async def test_by_cancelling_the_task(watch):
    with Workspace(watch.folder, backend=watch.emulator.url, timeout=60) as workspace:
        await FLASH.arun(workspace=workspace)
        for number in range(cycles(10, 70)):
            moment = watch.moment()
            if number % 2:
                task = asyncio.create_task(FLASH.arun(workspace=workspace))
                await asyncio.sleep(moment)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                job = workspace.submit(FLASH)
                await asyncio.sleep(moment)
                job.cancel()
                await asyncio.to_thread(
                    lambda job=job: job.future.exception() if not job.future.cancelled() else None
                )
            watch.judge()
    watch.tell("cancelling")
