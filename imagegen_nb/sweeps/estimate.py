"""What the cells of a sweep may cost together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from imagegen_nb.core.money import CURRENCY
from imagegen_nb.core.words import counted
from imagegen_nb.pricing.amount_in_words import amount_in_words, because
from imagegen_nb.pricing.estimate import Estimate, PricedCall, estimate


@dataclass(frozen=True, slots=True)
class SweepEstimate:
    """The sum of the cells' estimates, in dollars of the providers' list prices.

    `low` and `high` bound the cells whose cost is known; `unknown` counts the others, which are never taken
    for free, and `reason` says why one of them is: the first without an upper bound, else the first.
    `ceiling` is the most that all can cost together; None where one of them has no upper bound.
    """

    cells: int
    low: Decimal
    high: Decimal
    unknown: int
    ceiling: Decimal | None
    reason: str = ""
    currency: str = CURRENCY

    @property
    def known(self) -> bool:
        """Whether every cell's cost is."""
        return not self.unknown

    def __str__(self) -> str:
        if not self.cells:
            return ""
        cells, priced = counted(self.cells, "cell"), self.cells - self.unknown
        known = (self.low, self.high) if self.known else (None, None)
        whole = f"{amount_in_words(*known, ceiling=self.ceiling)} for {cells}"
        if not (priced and self.unknown):
            return f"{whole}{because(self.reason)}"
        rest = None if self.ceiling is None else self.ceiling - self.high
        parts = (
            f"{amount_in_words(self.low, self.high, ceiling=None)} for {priced:,}",
            f"{amount_in_words(None, None, ceiling=rest)} for {self.unknown:,}{because(self.reason)}",
        )
        return f"{cells if self.ceiling is None else whole}: {' and '.join(parts)}"


def estimate_of(calls: Iterable[PricedCall]) -> SweepEstimate:
    """The sum of what each call may cost; equal ones are priced once."""
    return total((estimate(call), count) for call, count in Counter(calls).items())


def total(estimates: Iterable[tuple[Estimate, int]]) -> SweepEstimate:
    """The sum of estimates, each with how many cells it is for."""
    cells, unknown, reason = 0, 0, ""
    low = high = Decimal(0)
    ceiling: Decimal | None = Decimal(0)
    for one, count in estimates:
        cells += count
        if one.ceiling is None and ceiling is not None:
            reason = one.reason  # it is what leaves the sum without an upper bound
        ceiling = None if ceiling is None or one.ceiling is None else ceiling + count * one.ceiling
        if one.low is None or one.high is None:
            unknown, reason = unknown + count, reason or one.reason
        else:
            low, high = low + count * one.low, high + count * one.high
    return SweepEstimate(cells, low, high, unknown, ceiling, reason)
