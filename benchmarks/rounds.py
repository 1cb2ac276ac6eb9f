"""Runs the contenders of a case in turns, each turn in a fresh process, and collects what they measured."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import worker
from benchmarks.cases import Case, Contender, Metrics
from benchmarks.environments import SCRATCH, python, variables

_LONGEST = 1800
"""Seconds that one turn may take: a hang ends."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "openai.resources.images",
        "google.genai.types",
        "imagegen_nb.emulator.server",
        "imagegen_nb.widgets.form",
    ]
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How cases are measured: against which server, where what takes long to make is kept, in the short form
    or not, and with the contenders of the peers' environment or without. `rounds` overrules the cases'."""

    server: str
    shared: Path
    short: bool
    peers: bool
    rounds: int | None
    say: Callable[[str], None]


@dataclass(slots=True)
class Result:
    """All that was measured of a case: for each contender and size, the metrics of every turn."""

    case: Case
    turns: dict[str, dict[int, list[Metrics]]] = field(default_factory=dict)

    def median(self, contender: str, size: int, metric: str) -> float | None:
        """The middle of all turns, None where it was not measured."""
        values = [turn[metric] for turn in self.turns.get(contender, {}).get(size, []) if metric in turn]
        return statistics.median(values) if values else None


def run(case: Case, plan: Plan) -> Result:
    """Measure a case."""
    result = Result(case)
    contenders = [each for each in case.contenders if plan.peers or each.environment == "ours"]
    rounds = 1 if plan.short else plan.rounds or case.rounds
    for number in range(rounds):
        for size in case.sizes:
            for contender in contenders:
                shown = f" at {size:,} {case.counted}" if case.counted else ""
                plan.say(f"{case.name}: round {number + 1} of {rounds}, {contender.name}{shown}")
                metrics = _turn(case, contender, size, plan)
                result.turns.setdefault(contender.name, {}).setdefault(size, []).append(metrics)
    return result


def _turn(case: Case, contender: Contender, size: int, plan: Plan) -> Metrics:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(dir=SCRATCH)
    try:
        if contender.program:
            return _program(contender, folder, plan.server)
        turn = {
            "function": contender.function,
            "arguments": dict(contender.arguments),
            "server": plan.server,
            "folder": folder,
            "shared": str(plan.shared),
            "repeats": 1 if plan.short else case.repeats,
            "size": size,
        }
        if plan.short:
            return _forked(turn, folder)
        command = [python(contender.environment), "-m", "benchmarks.worker", json.dumps(turn)]
        done = subprocess.run(
            command,
            cwd=folder,
            env=variables(),
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{case.name}, {contender.name}: {done.stderr[-3000:]}")
        metrics: Metrics = json.loads(done.stdout.splitlines()[-1])
        return metrics
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _forked(turn: dict[str, Any], folder: str) -> Metrics:
    """A turn in a process that has imported already: most of what a short one takes is imports."""
    with ProcessPoolExecutor(1, _FORKS, initializer=_settle, initargs=(folder, variables())) as process:
        return process.submit(worker.measure, turn).result(_LONGEST)


def _settle(folder: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)


def _program(contender: Contender, folder: str, server: str) -> Metrics:
    """What a whole process takes, from its start to its end."""
    command = [python(contender.environment), *contender.program]
    environment = variables() | {"BENCH_SERVER": server}
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{contender.name}: {said.decode(errors='replace')[-3000:]}")
    cpu = used.ru_utime + used.ru_stime
    return {"cpu_ms": cpu * 1000, "wall_ms": wall * 1000, "peak_mb": used.ru_maxrss / 1024}
