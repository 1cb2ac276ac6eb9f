"""`./dev rigs --long [name …] [--cycles N]`: run rigs and print what they measured; leave with 1 for a miss.

Those that need processes of their own, to kill, or disks, to fill, are programs; the others are tests,
which go round more often here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rigs import budget, disk, killed_sweep, ledger, many_runs, power, quota, rebuild, storm
from rigs.figures import table

RIGS = {
    "ledger": ledger,
    "disk": disk,
    "power": power,
    "rebuild": rebuild,
    "quota": quota,
    "budget": budget,
    "storm": storm,
    "many_runs": many_runs,
    "killed_sweep": killed_sweep,
}


_HERE = Path(__file__).parent
TESTS = {
    path.stem.removeprefix("test_"): path
    for path in (*sorted(_HERE.glob("test_*.py")), _HERE.parent / "providers" / "test_faults.py")
    if path.stem != "test_rigs"
}


def main() -> int:
    """Run what the command line names, or all."""
    known = [*RIGS, *TESTS]
    parser = argparse.ArgumentParser(prog="./dev rigs --long", description="Rigs for what is promised.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(known))
    parser.add_argument(
        "--cycles", type=int, help=f"how often ({', '.join(RIGS)}); by default as the aims say"
    )
    parser.add_argument("--quick", action="store_true", help="as often as the tests do")
    options = parser.parse_args()
    names = options.names or known
    if unknown := set(names) - set(known):
        parser.error(f"no rig {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    good = [_run(name, options) for name in names if name in RIGS]
    if files := [str(TESTS[name]) for name in names if name in TESTS]:
        good.append(_tested(files, options))
    return 0 if all(good) else 1


def _run(name: str, options: argparse.Namespace) -> bool:
    """Run a program and print its figures; whether all are good."""
    rig = RIGS[name]
    cycles = options.cycles or (rig.QUICK if options.quick else rig.CYCLES)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"imagegen-nb-{name}-") as folder:
        figures = rig.run(cycles, Path(folder))
    taken = time.monotonic() - began
    Console(width=110).print(table(f"{name}: {cycles} cycles, {taken:.0f} s", figures))
    return all(figure.good for figure in figures)


def _tested(files: list[str], options: argparse.Namespace) -> bool:
    """Run tests, which print their figures in the end; whether they pass."""
    environment = {**os.environ, "IMAGEGEN_NB_RIGS": "quick" if options.quick else "long"}
    command = [sys.executable, "-m", "pytest", "-q", *files]
    return subprocess.run(command, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
