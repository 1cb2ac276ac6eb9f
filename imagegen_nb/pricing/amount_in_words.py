"""An estimated amount in words, the same wherever one is shown: exact, as a range, or by what bounds it."""

from __future__ import annotations

from decimal import Decimal

from imagegen_nb.core.money import show, show_range


def amount_in_words(
    low: Decimal | None, high: Decimal | None, *, ceiling: Decimal | None, at_least: Decimal = Decimal(0)
) -> str:
    """The amount from `low` to `high`; where it is unknown, that it is `at_least` so much, and by its
    `ceiling` the most that it can be."""
    if low is not None and high is not None:
        return show_range(low, high)
    least = f"at least {show(at_least)}, " if at_least else ""
    if ceiling is not None:
        return f"{least}at most {show(ceiling)}"
    return f"{least}with no upper bound" if least else "an unknown amount"


def because(reason: str) -> str:
    """Why it cannot be told better, to stand behind an amount; empty where it is known."""
    return f" ({reason})" if reason else ""
