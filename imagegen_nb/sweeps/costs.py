"""The seam to prices: what cells may cost and what they did, as far as the step and the run can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep


@dataclass(frozen=True, slots=True)
class SweepEstimate:
    """What the cells of a sweep may cost together: `low` to `high`, of those whose cost is known; `unknown`
    counts the others, which are never taken for free."""

    cells: int
    low: Decimal
    high: Decimal
    unknown: int
    reason: str = ""
    currency: str = "USD"

    @property
    def known(self) -> bool:
        """Whether every cell's cost is."""
        return not self.unknown

    def __str__(self) -> str:
        amount = (
            _amount(self.low) if self.low == self.high else f"{_amount(self.low)} to {_amount(self.high)}"
        )
        priced = self.cells - self.unknown
        known = f"{amount} {self.currency} for {priced:,} cell{'' if priced == 1 else 's'}"
        if not self.unknown:
            return known
        reason = f" ({self.reason})" if self.reason else ""
        unknown = f"unknown for {self.unknown:,} of {self.cells:,}{reason}"
        return unknown if self.unknown == self.cells else f"{known}, {unknown}"


def estimate_of(step: ImageGenerationStep, inputs: Mapping[str, Any]) -> Any | None:
    """What `step.estimate(inputs)` says; None where steps have no estimate."""
    estimate = getattr(step, "estimate", None)
    return estimate(inputs) if callable(estimate) else None


def cost_of(run: Run) -> Any | None:
    """What a run cost, as it says itself; None where runs do not tell."""
    return getattr(run, "cost", None)


def short(cost: Any) -> str:
    """A cost, or an estimate, in a few words."""
    return str(getattr(cost, "short", cost))


def total(estimates: Iterable[Any | None]) -> SweepEstimate | None:
    """The sum of estimates that have a `low` and a `high`; None where steps have no estimate at all."""
    cells, unknown, reason = 0, 0, ""
    low = high = Decimal(0)
    for one in estimates:
        if one is None:  # at once: to go through a hundred thousand cells takes a while
            return None
        cells += 1
        if one.low is None or one.high is None:
            unknown, reason = unknown + 1, reason or one.reason
        else:
            low, high = low + one.low, high + one.high
    return SweepEstimate(cells, low, high, unknown, reason)


def _amount(amount: Decimal) -> str:
    """Without the zeros behind the last digit, but with cents."""
    text = f"{amount:f}".rstrip("0")
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits:0<2}"
