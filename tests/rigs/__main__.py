"""`./dev rigs [name …] [--cycles N]`: run rigs and print what they measured; leave with 1 for a miss."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rigs import disk, interrupt, ledger, power, quota, rebuild, storm

RIGS = {
    "ledger": ledger,
    "disk": disk,
    "power": power,
    "rebuild": rebuild,
    "quota": quota,
    "storm": storm,
    "interrupt": interrupt,
}


def main() -> int:
    """Run what the command line names, or all."""
    parser = argparse.ArgumentParser(
        prog="./dev rigs", description="Rigs for the promises on money and data."
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(RIGS))
    parser.add_argument("--cycles", type=int, help="how often; by default as the aims say")
    parser.add_argument("--quick", action="store_true", help="as often as the tests do")
    options = parser.parse_args()
    if unknown := set(options.names) - set(RIGS):
        parser.error(f"no rig {', '.join(sorted(unknown))}: there are {', '.join(RIGS)}")
    good = True
    for name in options.names or RIGS:
        rig = RIGS[name]
        cycles = options.cycles or (rig.QUICK if options.quick else rig.CYCLES)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"imagegen-nb-{name}-") as folder:
            figures = rig.run(cycles, Path(folder))
        taken = time.monotonic() - began
        table = Table(title=f"{name}: {cycles} cycles, {taken:.0f} s", title_justify="left")
        for heading in ("", "measured", "aim", ""):
            table.add_column(heading)
        for figure in figures:
            table.add_row(figure.what, figure.measured, figure.aim, "good" if figure.good else "MISSED")
        Console(width=110).print(table)
        good = good and all(figure.good for figure in figures)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
