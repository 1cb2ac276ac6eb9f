"""What the runs of a sweep's cells cost together, in a line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from imagegen_nb.core.money import show
from imagegen_nb.core.words import counted


class Spent(NamedTuple):
    """What one run cost: its amount in dollars, or None where that is unknown, and at least how much then."""

    amount: Decimal | None
    at_least: Decimal = Decimal(0)
    is_synthetic: bool = False
    is_replayed: bool = False


def told(runs: Sequence[Spent]) -> str:
    """The sum of what `runs` cost; what is unknown is counted, and never taken for nothing."""
    if not runs:
        return "cost: nothing was run"
    known = sum((run.at_least if run.amount is None else run.amount for run in runs), Decimal(0))
    unknown = sum(run.amount is None for run in runs)
    replayed = sum(run.is_replayed for run in runs)
    synthetic = any(run.is_synthetic and not run.is_replayed for run in runs)
    line = f"cost of {counted(len(runs), 'run')}{', if they were real' if synthetic else ''}: "
    if unknown:
        line += f"{f'at least {show(known)}, and ' if known else ''}unknown for {unknown:,} of them"
    else:
        line += show(known)
    return line + (f" ({replayed:,} replayed, which costs nothing)" if replayed else "")
