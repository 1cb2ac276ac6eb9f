"""`./dev scale`: simulate and measure anew, keep the figures, and write docs/scale.md from them."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, machine, variables
from benchmarks.pictures import photograph
from benchmarks.scale import bulk, document, plan
from benchmarks.scale.simulation import simulated

_FOLDER = ROOT / "build" / "scale"


def main() -> int:
    """What the command line names, or all."""
    parser = argparse.ArgumentParser(prog="./dev scale", description="From 10 images to 10 million.")
    parser.add_argument("--only", choices=("simulate", "measure", "write"), help="a part; the rest stays")
    parser.add_argument("--most", type=int, default=10**9, help="runs of the largest store")
    options = parser.parse_args()
    figures = document.figures()
    if options.only in (None, "simulate"):
        figures |= {"simulated": simulate(), "simulated on": _where()}
    if options.only in (None, "measure"):
        measure(figures, options.most)
    document.keep(figures)
    document.write(figures)
    return 0


def _where() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}, {machine()}"


def simulate() -> list[dict[str, Any]]:
    """All scenarios, one after the other."""
    outcomes = []
    for scenario in plan.scenarios():
        _say(scenario.name)
        outcome = simulated(scenario).as_dict()
        facts = {"images": scenario.images, "concurrency": scenario.concurrency, "told": scenario.told}
        limits = {"per_minute": scenario.model.per_minute, "failing": scenario.model.failing}
        outcomes.append(facts | limits | outcome)
    return outcomes


def measure(figures: dict[str, Any], most: int) -> None:
    """Stores of all sizes up to `most` runs, each used in a process of its own. Those in folders are kept for
    the next time: the largest takes minutes to fill. What is measured is kept at once."""
    folders, urls = dict[str, Any](), dict[str, Any]()
    figures |= {"folders": folders, "urls": urls, "measured on": _where()}
    for runs in (runs for runs in plan.FOLDERS if runs <= most):
        _say(f"a folder of {runs:,} runs")
        place = _filled(runs)
        manifest = max((place / "runs").iterdir(), key=lambda path: path.stat().st_size)
        figures["bytes"] = {"manifest": manifest.stat().st_size, "picture": len(photograph(1024))}
        index = (place / "index.sqlite3").stat().st_size
        folders[str(runs)] = {"index bytes": index, **_costs(str(place), runs)}
        document.keep(figures)
    for runs in (runs for runs in plan.URLS if runs <= most):
        _say(f"a URL of {runs:,} runs")
        with tempfile.TemporaryDirectory() as scratch:
            kept = bulk.template(Path(scratch))
        place = _FOLDER / "url"
        shutil.rmtree(place, ignore_errors=True)
        bulk.fill_url(place, kept, runs)
        written = sum(path.stat().st_size for path in place.rglob("*.json*"))
        urls[str(runs)] = {"log bytes": written, **_costs(place.as_uri(), runs)}
        shutil.rmtree(place)
        document.keep(figures)


def _filled(runs: int) -> Path:
    """A folder with a store of so many runs, that of the last time if there is one."""
    place = _FOLDER / f"{runs}"
    ready = _FOLDER / f"{runs}.ready"
    if not ready.exists():
        shutil.rmtree(place, ignore_errors=True)
        bulk.fill_folder(place, runs)
        ready.touch()
    return place


def _costs(place: str, runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale.costs", place, str(runs)]
    _FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=_FOLDER, env=variables(), check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _say(what: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {what}\n")


if __name__ == "__main__":
    sys.exit(main())
