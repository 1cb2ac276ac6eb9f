"""The prices of a model: as `genai-prices` lists them, which is kept for this, else from our own table.

`listed_prices.json` is written from that package by `./dev generate`: importing it takes longer than a run
does beside the provider, and every run wants to know its cost.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from imagegen_nb.pricing.price import Price, PriceList
from imagegen_nb.pricing.price_table import OWN, OWN_BATCH

LISTED = Path(__file__).with_name("listed_prices.json")


@cache
def prices_of(provider: str, model: str, *, batch: bool = False) -> PriceList | None:
    """The published prices of a provider's model, or of what is asked of it in a `batch`; None where there
    are none."""
    release, models = _listed()
    found = models.get(provider, {}).get(model)
    if found is None:
        return OWN_BATCH.get(model) if batch else OWN.get(model)
    # The package tells no date of a single price.
    source, amounts = found["source"], found.get("batch") if batch else found["prices"]
    if amounts is None:
        return None
    return PriceList(model, {unit: Price(Decimal(each), source, release) for unit, each in amounts.items()})


@cache
def _listed() -> tuple[str, dict[str, Any]]:
    """The release of the package, and what it has by provider and model."""
    listed = json.loads(LISTED.read_text(encoding="utf-8"))
    return listed["release"], listed["models"]
