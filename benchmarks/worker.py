"""One turn of one contender: `python -m benchmarks.worker TURN`, where TURN is JSON. Prints its metrics."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.cases import Metrics, Setting


def measure(turn: dict[str, Any]) -> Metrics:
    """Import the contender's function and call it."""
    module, _, name = turn["function"].partition(":")
    setting = Setting(
        server=turn["server"],
        folder=Path(turn["folder"]),
        shared=Path(turn["shared"]),
        repeats=turn["repeats"],
        size=turn["size"],
    )
    metrics: Metrics = getattr(importlib.import_module(module), name)(setting, **turn["arguments"])
    return metrics


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(measure(json.loads(sys.argv[1])))}\n")
