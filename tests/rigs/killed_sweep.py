"""A sweep killed with -9 again and again: no cell is paid for twice, and memory does not grow with the cells.

The emulator lives in a process of its own and counts what arrives. A request that it has seen is paid for,
whatever became of its answer. A kill leaves cells of which only the server knows whether they arrived; the
sweep tells them as unknown and leaves them alone. In the end those that never arrived, by the server's own
list, are asked for by name, as somebody would who has looked at the provider's log: then every cell was paid
for exactly once.
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import time
from pathlib import Path

from imagegen_nb import ImageGenerationStep, Sweep, Workspace
from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs import serving, spawning
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 500, 40
_KILLS = 5
_LATENCY = 0.15
_STEP = ImageGenerationStep(prompt="number {{number}}", image_size="1024x640", image_output_format="jpeg")
_GROWTH = 40_000
"""Kilobytes by which a process may grow after the first tenth of its cells: a few images, not hundreds."""


def run(cycles: int, folder: Path) -> list[Figure]:
    """A sweep of `cycles` cells, killed five times, wherever it is."""
    importlib.import_module("openai")
    importlib.import_module("imagegen_nb.providers.http.client")
    dice = random.Random(7)
    journal = folder / "journal"
    journal.touch()
    with serving.emulator(latency=_LATENCY) as url:
        for _ in range(_KILLS):
            ended = journal.read_text().count("cell")
            child = spawning.fork(lambda: _work(folder, url, cycles))
            # After some cells of its own, then at any moment: while it plans, asks, stores or commits.
            _wait_for(journal, ended + _cells_of_a_life(cycles))
            time.sleep(dice.uniform(0, 2 * _LATENCY))
            spawning.kill(child)
        assert spawning.ended_well(spawning.fork(lambda: _work(folder, url, cycles)))
        before = serving.asked(url)
        assert spawning.ended_well(spawning.fork(lambda: _repeat_what_never_arrived(folder, url, cycles)))
        asked = serving.asked(url)
    with serving.emulator() as url:
        other = folder / "whole"
        other.mkdir()
        assert spawning.ended_well(spawning.fork(lambda: _work(other, url, cycles)))
    grown = int((other / "journal").read_text().rpartition("memory")[2])
    return _figures(cycles, LocalStore(folder / "store"), before.total(), asked, grown)


def _sweep(cells: int) -> Sweep:
    return Sweep(_STEP, over={"inputs.number": [str(number) for number in range(cells)]})


def _work(folder: Path, url: str, cells: int) -> None:
    """Run the sweep, telling the journal of each cell, and in the end how much memory it took."""
    handle = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen: list[int] = []

    def tell(cell: object) -> None:
        seen.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        os.write(handle, b"cell\n")

    with Workspace(folder / "store", backend=url) as workspace:
        sweep = _sweep(cells)
        sweep.run(workspace=workspace, progress=False, concurrency=_at_once(cells), on_cell=tell)
    if seen:
        os.write(handle, f"memory {seen[-1] - seen[len(seen) // 10]}\n".encode())


def _repeat_what_never_arrived(folder: Path, url: str, cells: int) -> None:
    asked = serving.asked(url)
    with Workspace(folder / "store", backend=url) as workspace:
        sweep = _sweep(cells).load(workspace=workspace)
        absent = [cell for cell in sweep.unknown if f"number {cell.inputs['number']}" not in asked]
        sweep.run(progress=False, repeat=absent)


def _at_once(cells: int) -> int:
    return min(8, max(2, cells // 60))


def _cells_of_a_life(cells: int) -> int:
    """How many cells each process ends before it is killed: every kill may cost those that are under way."""
    return (cells - _KILLS * _at_once(cells)) // (_KILLS + 1)


def _wait_for(journal: Path, cells: int) -> None:
    while journal.read_text().count("cell") < cells:
        time.sleep(0.01)


def _figures(cells: int, store: LocalStore, before: int, asked: dict[str, int], grown: int) -> list[Figure]:
    report = maintenance.check(store)
    sweep = _sweep(cells).load(workspace=Workspace(store, backend="emulator"))
    done = [cell for cell in sweep if cell.outcome == "done"]
    most = _KILLS * _at_once(cells)
    return [
        count("cells", cells),
        count("processes killed", _KILLS),
        count("requests at the emulator when the last start had ended", before),
        count("requests at the emulator", sum(asked.values())),
        count("cells with an image", len(done)),
        Figure(
            "cells paid for without an image",
            str(len(sweep.unknown)),
            f"≤ {most}",
            len(sweep.unknown) <= most,
        ),
        Figure(
            "kilobytes grown in the last nine tenths of a whole sweep",
            f"{grown:,}",
            f"< {_GROWTH:,}",
            grown < _GROWTH,
        ),
        none_of("cells asked for twice", [prompt for prompt, times in asked.items() if times > 1]),
        none_of("cells never asked for", range(cells - len(asked))),
        none_of("cells neither done nor unknown", [c for c in sweep if c.outcome not in ("done", "unknown")]),
        none_of("images of other cells than those done", range(abs(len(report.records) - len(done)))),
        none_of("half images, or index and manifests that differ", report.problems),
    ]
