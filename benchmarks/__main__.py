"""`./dev bench`: measure everything and write docs/performance.md, or one row and only show it."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks import report, rounds, rows
from benchmarks.cases import Case, Scale
from benchmarks.environments import BUILD, PEERS
from benchmarks.rounds import Result
from benchmarks.server import serving
from benchmarks.table import HEADINGS, lines


def main() -> int:
    """Measure what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="What the toolkit itself costs.")
    parser.add_argument("--list", action="store_true", help="name every case")
    parser.add_argument("--only", metavar="NAME", help="cases whose name begins so; nothing is written")
    parser.add_argument("--rounds", type=int, help="turns of each contender; by default as each case says")
    parser.add_argument("--no-peers", action="store_true", help="without litellm; nothing is written")
    parser.add_argument("--short", action="store_true", help="so little that it only shows that all runs")
    options = parser.parse_args()
    wanted = [case for case in rows.cases(Scale(options.short)) if case.name.startswith(options.only or "")]
    if not wanted:
        parser.error(f"no case begins with {options.only!r}: see --list")
    if options.list:
        for case in wanted:
            sys.stdout.write(f"{case.row:>2}  {case.name}\n")
        return 0
    peers = not (options.short or options.no_peers)
    if peers and not PEERS.exists():
        parser.error("the peers are not installed: run ./dev bench, which installs them")
    began = time.monotonic()
    results = _measure(wanted, options, peers=peers)
    _show(results, f"{len(results)} cases, {time.monotonic() - began:.0f} s")
    if options.short:
        return _all_finite(results)
    _keep(results)
    if peers and not options.only:
        report.write(results)
    return 0


def _measure(wanted: list[Case], options: argparse.Namespace, *, peers: bool) -> list[Result]:
    progress = Console(stderr=True)
    results = []
    with serving(BUILD / "pictures") as server:
        for case in wanted:
            result = rounds.run(
                case,
                server,
                short=options.short,
                rounds=1 if options.short else options.rounds or case.rounds,
                peers=peers,
                say=lambda text: progress.print(text, style="dim", highlight=False),
            )
            results.append(result)
    return results


def _show(results: list[Result], title: str) -> None:
    table = Table(*HEADINGS, title=title, title_justify="left")
    for line in lines(results):
        table.add_row(*line.cells())
    Console(width=200).print(table)


def _all_finite(results: list[Result]) -> int:
    """0 if every contender of every case measured something that is a number."""
    values = [
        value
        for result in results
        for turns in result.turns.values()
        for metrics in turns.values()
        for turn in metrics
        for value in turn.values()
    ]
    return 0 if values and all(math.isfinite(value) and value >= 0 for value in values) else 1


def _keep(results: list[Result]) -> None:
    """The raw figures, for a closer look; the last of each case."""
    path = BUILD / "figures.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {result.case.name: {**asdict(result.case), "turns": result.turns} for result in results}
    path.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
