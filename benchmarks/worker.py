"""One turn of one contender: `python -m benchmarks.worker TURN`, where TURN is JSON. Prints its metrics."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from benchmarks.cases import Setting


def main() -> None:
    """Import the contender's function, call it, and print what it measured as the last line."""
    turn = json.loads(sys.argv[1])
    module, _, name = turn["function"].partition(":")
    setting = Setting(
        server=turn["server"],
        folder=Path(turn["folder"]),
        shared=Path(turn["shared"]),
        repeats=turn["repeats"],
        size=turn["size"],
    )
    metrics = getattr(importlib.import_module(module), name)(setting, **turn["arguments"])
    sys.stdout.write(f"\n{json.dumps(metrics)}\n")


if __name__ == "__main__":
    main()
