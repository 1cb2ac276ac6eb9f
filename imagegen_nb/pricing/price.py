"""A published price, and the prices of one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from imagegen_nb.core.money import CURRENCY

Unit = Literal[
    "text input",
    "cached text input",
    "image input",
    "cached image input",
    "cache write",
    "text output",
    "image output",
    "image",
    "reference image",
]
"""What a price is for: a million tokens of a kind, one `image` that is made, or one that is sent along. Input
that is written to a cache (`cache write`) is billed as that and not as input."""
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """A published price: `amount` of `currency` for a million tokens of the unit, or for one image.

    `source` is where it is published, `date` when that was read or which release of a price list says so.
    """

    amount: Decimal
    source: str
    date: str
    currency: str = CURRENCY


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of a model, by unit. A unit that is absent has no published price; one that is not
    billed costs 0."""

    model: str
    prices: Mapping[Unit, Price] = field(default_factory=dict)
    variants: Mapping[tuple[str, str], Price] = field(default_factory=dict)
    """Where an image's price depends on them: by quality and resolution."""

    def amount(self, unit: Unit) -> Decimal | None:
        """The price of a unit, or None where none is published."""
        price = self.prices.get(unit)
        return None if price is None else price.amount

    def image(self, quality: str | None, resolution: str | None) -> Decimal | None:
        """The price of one image, where it has one: that of the variant, else the usual one."""
        if not self.variants or (quality is None and resolution is None):
            return self.amount("image")
        # `auto` is low when an image is made.
        chosen = "low" if quality in (None, "auto") else str(quality)
        price = self.variants.get((chosen, resolution or "1k"))
        return None if price is None else price.amount

    def tokens(self, unit: Unit, count: int) -> Decimal | None:
        """What `count` tokens cost; nothing costs nothing, whatever its price."""
        if not count:
            return Decimal(0)
        amount = self.amount(unit)
        return None if amount is None else amount * count / MILLION
