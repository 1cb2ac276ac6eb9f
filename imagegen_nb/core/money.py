"""Amounts of money: read from what users write, shown to people, and as whole ticks for ledgers."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

from imagegen_nb.errors import InvalidOption

CURRENCY = "USD"
"""All providers publish their prices in it."""
TICKS = 10_000_000_000
"""Ticks of a US dollar: xAI's unit, in which every published price of one token is a whole number."""
_WRITTEN = re.compile(r"(?:USD|\$)?\s*([0-9]{1,9}(?:\.[0-9]{1,10})?)\s*(?:USD|\$)?", re.IGNORECASE)
_CENT = Decimal("0.01")
_SHOWN = Decimal("0.0001")


def parse(value: object, option: str) -> Decimal:
    """The US dollars of `"2.00 USD"`, `"$2"`, a Decimal or a whole number. Raises `InvalidOption`.

    A float is refused: most amounts of cents have none that is exact.
    """
    # Decimal itself writes 10 as 1E+1 where it was calculated so.
    is_short = isinstance(value, Decimal) and value.is_finite() and -20 < value.adjusted() < 20
    text = f"{value:f}" if is_short else str(value).strip() if type(value) in (str, int, Decimal) else ""
    written = _WRITTEN.fullmatch(text)
    amount = Decimal(written[1]) if written else Decimal(0)
    if amount > 0:
        return amount
    raise InvalidOption(
        f'{option} = {value!r}: give US dollars above 0 as text or Decimal, such as "2.00 USD"; prices are '
        "published in no other currency"
    )


def to_ticks(amount: Decimal) -> int:
    """Whole ticks, rounded up: what was spent is never counted as less."""
    return int((amount * TICKS).to_integral_value(ROUND_CEILING))


def from_ticks(ticks: int) -> Decimal:
    """The dollars of so many ticks, exactly."""
    return Decimal(ticks) / TICKS


def show(amount: Decimal) -> str:
    """An amount for people: cents where that is exact, else four digits behind the point.

    What is smaller than that is never shown as zero.
    """
    if amount == amount.quantize(_CENT):
        return f"${amount.quantize(_CENT):,f}"
    if 0 < amount < _SHOWN:
        return f"under ${_SHOWN}"
    return f"${amount.quantize(_SHOWN):,f}"


def show_range(low: Decimal, high: Decimal) -> str:
    """Two amounts as one text; a single one where they are shown alike."""
    return show(high) if show(low) == show(high) else f"{show(low)}–{show(high).removeprefix('$')}"
