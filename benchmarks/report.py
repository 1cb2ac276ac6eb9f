"""Writes what was measured into docs/performance.md, between its markers, and the plots beside it."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime

from benchmarks.environments import BUILD, PEERS, ROOT, machine, variables, versions
from benchmarks.plots import Bar, Curves, Plots
from benchmarks.rounds import Result
from benchmarks.table import HEADINGS, curves, lines, ratios

DOCUMENT = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
BEGIN, END = "<!-- measured: ./dev bench writes from here -->", "<!-- measured: to here -->"


def write(results: list[Result]) -> None:
    """Table and plots of a whole run."""
    _draw(results)
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"{DOCUMENT} has lost its markers"
    measured = f"{BEGIN}\n\n{markdown(results)}\n{END}"
    DOCUMENT.write_text(f"{before}{measured}{after}", encoding="utf-8")


def markdown(results: list[Result]) -> str:
    """What stands between the markers."""
    named = ", ".join(f"{name} {version}" for name, version in versions().items())
    head = f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine()}.\n{named}.\n"
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(line.cells() for line in lines(results))]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    ours = "![Our figure over that of the peer or the floor, with its aim](performance/ratios.svg)"
    growth = "![Growth over the number of records, runs, recordings and cells](performance/growth.svg)"
    return f"{head}\n{table}\n\n{ours}\n\n{growth}\n"


def _draw(results: list[Result]) -> None:
    """By the peers' environment, which has the library."""
    plots = Plots(
        bars=[Bar(*each) for each in ratios(results)], curves=[Curves(*each) for each in curves(results)]
    )
    data = BUILD / "plots.json"
    data.write_text(json.dumps(plots, default=vars), encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    command = [str(PEERS), "-m", "benchmarks.plots", str(data), str(PLOTS)]
    subprocess.run(command, env=variables(), check=True)
