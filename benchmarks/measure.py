"""Measuring inside one process: CPU of all its threads, wall time, and how far its memory rose."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from benchmarks.cases import Metrics

_PROCESS = Path("/proc/self")
_BATCHES = 5
_TICK = 0.005
"""Seconds between two looks at whether an event loop still answers."""


class Peak:
    """How far resident memory has risen since this was made, at its highest, in MB."""

    def __init__(self) -> None:
        gc.collect()
        with contextlib.suppress(OSError):  # where that is forbidden, the figure is of the whole process
            (_PROCESS / "clear_refs").write_text("5")  # the high-water mark starts anew
        self._start = _kilobytes("VmRSS")

    def risen(self) -> float:
        """MB between the start and the highest point since."""
        return max(_kilobytes("VmHWM") - self._start, 0) / 1024


def _kilobytes(name: str) -> int:
    status = (_PROCESS / "status").read_text()
    return int(status.partition(f"{name}:")[2].split(maxsplit=1)[0])


def measured(
    call: Callable[[], object], repeats: int, warm_up: Callable[[], object] | None = None
) -> Metrics:
    """Call it `repeats` times: medians of `cpu_ms` and `wall_ms`, and the `peak_mb` of its first call.

    `warm_up` comes before, for what a process does only once; it should need little memory, because what it
    gives back to the allocator would hide what the first call takes.
    """
    if warm_up is not None:
        warm_up()
    cpu, wall, rose = list[float](), list[float](), 0.0
    for number in range(repeats):
        peak = None if number else Peak()
        started = time.process_time(), time.perf_counter()
        call()
        cpu.append((time.process_time() - started[0]) * 1000)
        wall.append((time.perf_counter() - started[1]) * 1000)
        rose = rose if peak is None else peak.risen()
    return {"cpu_ms": statistics.median(cpu), "wall_ms": statistics.median(wall), "peak_mb": rose}


def timed(call: Callable[[], object], repeats: int) -> float:
    """Microseconds of CPU that one call takes, called many times: the median of several batches."""
    call()
    batches = []
    for _ in range(_BATCHES):
        started = time.process_time()
        for _ in range(repeats):
            call()
        batches.append((time.process_time() - started) / repeats * 1e6)
    return statistics.median(batches)


class Clock:
    """CPU and wall time of tasks that are done again and again; the first time of each does not count."""

    def __init__(self) -> None:
        self._cpu: dict[str, list[float]] = {}
        self._wall: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def timing(self, task: str) -> Iterator[None]:
        """Add what the block takes."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self._cpu.setdefault(task, []).append((time.process_time() - cpu) * 1000)
        self._wall.setdefault(task, []).append((time.perf_counter() - wall) * 1000)

    def medians(self) -> Metrics:
        """In milliseconds."""
        cpu = {f"{task}_cpu_ms": statistics.median(times[1:]) for task, times in self._cpu.items()}
        return cpu | {f"{task}_wall_ms": statistics.median(times[1:]) for task, times in self._wall.items()}

    def seconds(self) -> Metrics:
        """The same in seconds."""
        return {name.replace("_ms", "_s"): value / 1000 for name, value in self.medians().items()}


@contextlib.asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """Watch the running loop inside the block: the list holds the longest time it did not answer, in ms."""
    longest = [0.0]

    async def watch() -> None:
        while True:
            due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            longest[0] = max(longest[0], (time.perf_counter() - due) * 1000)

    watcher = asyncio.create_task(watch())
    try:
        yield longest
    finally:
        watcher.cancel()
