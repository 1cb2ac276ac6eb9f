"""What a store with so many runs costs whoever uses it, measured in a process of its own.

`python -m benchmarks.scale.costs PLACE RUNS` prints the figures as JSON; PLACE is a folder or a URL.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagegen_nb as ig
from benchmarks.measure import Peak
from benchmarks.scale.bulk import workspace
from benchmarks.scale.simulation import sweep
from benchmarks.stores import entry
from imagegen_nb.sweeps.axes import MOST_CELLS

_MOST_LISTED = 1_000
"""Cells up to which tables and reports are made here: each cell costs the same."""

_MOST_SEARCHED = 100_000
"""Runs of a store in which all of them are gone through, and its largest sweep shown: beyond, the first takes
as much longer, and the second no longer."""

Figures = dict[str, dict[str, float]]


class Costs:
    """Seconds of CPU and MB of each thing that was done, by its name: the clock tells more of what else the
    machine does."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    def of(self, name: str, task: Callable[[], object], repeats: int = 1) -> None:
        """Do it so often; the figures are of one time."""
        peak, started = Peak(), time.process_time()
        for _ in range(repeats):
            task()
        seconds = (time.process_time() - started) / repeats
        self.figures[name] = {"seconds": seconds, "mb": peak.risen()}


def costs_of(place: str, runs: int) -> Figures:
    """The figures of a store in a folder, or below a URL."""
    costs, ws = Costs(), workspace(place)
    costs.of("open", ws.count_runs)
    costs.of("start and end", lambda: _start_and_end(ws), repeats=20)
    costs.of("history shown", ws.history()._repr_mimebundle_)
    if runs <= _MOST_SEARCHED:
        costs.of("history searched", lambda: list(ws.history("words that nobody wrote")))
    cells: list[ig.Sweep] = []
    costs.of("sweep made", lambda: cells.append(sweep(min(runs, MOST_CELLS))))
    (one,) = cells
    costs.of("estimate", one.estimate)
    costs.of("load", lambda: one.load(workspace=ws))
    assert one.counts() == {"done": len(one)}, one.counts()
    if runs <= _MOST_SEARCHED:
        costs.of("grid", one._repr_mimebundle_)
    if len(one) <= _MOST_LISTED:
        costs.of("table", one.rows)
        report = Path.cwd() / "report.html"
        costs.of("report", lambda: one.report(report, overwrite=True))
        costs.figures["report"]["bytes"] = report.stat().st_size
        report.unlink()
    ws.close()
    return costs.figures


def _start_and_end(ws: ig.Workspace) -> None:
    """A run begins under a budget, and fails before it was charged."""
    run = replace(entry(), emulated=True, ceiling_ticks=1_000)
    ws.store.begin(run, None, ws.budget)
    ws.store.finish(replace(run, state="failed", charge="none", cost_ticks=0), [])


if __name__ == "__main__":
    json.dump(costs_of(sys.argv[1], int(sys.argv[2])), sys.stdout)
