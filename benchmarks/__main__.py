"""`./dev bench`: measure everything and write docs/performance.md, or measure some of it and only show it."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import report, rounds, rows
from benchmarks.cases import Case, Scale
from benchmarks.environments import BUILD, PEERS, SCRATCH
from benchmarks.rounds import Plan, Result
from benchmarks.server import serving
from benchmarks.table import HEADINGS, lines


def main() -> int:
    """Measure what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="What the toolkit itself costs.")
    parser.add_argument("--list", action="store_true", help="name every case")
    parser.add_argument("--only", metavar="NAME", help="cases whose name begins so; writes no document")
    parser.add_argument("--rounds", type=int, help="turns of each contender; by default as each case says")
    parser.add_argument("--no-peers", action="store_true", help="without litellm; writes no document")
    parser.add_argument("--short", action="store_true", help="so little that it only shows that all runs")
    options = parser.parse_args()
    found = rows.cases(Scale(options.short))
    wanted = [case for case in found if case.name.startswith(options.only or "")]
    if not wanted:
        parser.error(f"no case begins with {options.only!r}: see --list")
    if options.list:
        for case in wanted:
            sys.stdout.write(f"{case.row:>2}  {case.name}\n")
        return 0
    if options.short:
        return _short(wanted)
    if not (options.no_peers or PEERS.exists()):
        parser.error("the peers are not installed: ./dev bench installs them")
    return _long(wanted, options)


def _short(wanted: list[Case]) -> int:
    """As many cases at a time as there are cores, for nobody looks at the figures; 0 if all are numbers."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=SCRATCH) as shared,
        serving(BUILD / "pictures") as server,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        plan = Plan(server, Path(shared), short=True, peers=False, rounds=None, say=lambda _: None)
        results = list(pool.map(partial(rounds.run, plan=plan), wanted))
    _show(results, time.monotonic() - began)
    values = [
        value
        for result in results
        for turns in result.turns.values()
        for turn in (each for of_size in turns.values() for each in of_size)
        for value in turn.values()
    ]
    return 0 if values and all(math.isfinite(value) and value >= 0 for value in values) else 1


def _long(wanted: list[Case], options: argparse.Namespace) -> int:
    """One case after the other; the document is written where nothing was left out."""
    peers, began = not options.no_peers, time.monotonic()
    with serving(BUILD / "pictures", (64, 1024, 2048)) as server:
        plan = Plan(
            server, BUILD / "shared", short=False, peers=peers, rounds=options.rounds, say=_progress()
        )
        results = [rounds.run(case, plan) for case in wanted]
    _show(results, time.monotonic() - began)
    _keep(results)
    if peers and not options.only:
        report.write(results)
    return 0


def _progress() -> Callable[[str], None]:
    return partial(Console(stderr=True).print, style="dim", highlight=False)


def _show(results: list[Result], seconds: float) -> None:
    title = f"{len(results)} cases, {seconds:.0f} s"
    table = Table(*HEADINGS, title=title, title_justify="left")
    for line in lines(results):
        table.add_row(*line.cells())
    Console(width=200).print(table)


def _keep(results: list[Result]) -> None:
    """The raw figures, for a closer look: the last of each case."""
    path = BUILD / "figures.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {result.case.name: asdict(result) for result in results}
    path.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
