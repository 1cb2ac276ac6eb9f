"""The prices of a model: from `genai-prices`, which is kept for this, else from our own table.

The package knows some names by how they begin. A model that is merely named like another need not cost the
same, so only its own name counts.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from imagegen_nb.pricing.price import Price, PriceList, Unit
from imagegen_nb.pricing.price_table import OWN

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_VENDORS = {"openai": "openai", "gemini": "google"}
"""What `genai-prices` calls the providers; it has no price for one image, which xAI's are."""
_TEXT_UNBILLED = "gpt-image-"
"""OpenAI bills no text that its image models put out."""


@cache
def prices_of(provider: str, model: str) -> PriceList | None:
    """The published prices of a catalog model, or None where there are none."""
    listed = _listed(_VENDORS[provider], model) if provider in _VENDORS else None
    return listed or OWN.get(model)


def _listed(vendor: str, model: str) -> PriceList | None:
    # Deferred: a price is wanted in few processes, and importing its data takes a moment.
    from genai_prices.data_snapshot import get_snapshot

    provider = next((each for each in get_snapshot().providers if each.id == vendor), None)
    found = provider.find_model(model) if provider is not None else None
    if found is None or provider is None or found.id.removesuffix("-preview") != model:
        return None
    source = (provider.pricing_urls or ["https://github.com/pydantic/genai-prices"])[0]
    date = f"genai-prices {version('genai-prices')}"  # it tells no date of a single price
    # Of prices that changed with time, the last is in force.
    rates = found.prices[-1].prices if isinstance(found.prices, list) else found.prices
    amounts = _amounts(rates, vendor, model)
    return PriceList(model, {unit: Price(amount, source, date) for unit, amount in amounts.items()})


def _amounts(rates: ModelPrice, vendor: str, model: str) -> dict[Unit, Decimal]:
    """Dollars of a million tokens. A unit that the package does not list costs what the more general does."""

    def rate(name: str) -> object:
        return getattr(rates, name, None)  # it has what is priced, and nothing else

    text_out, image_out = rate("output_mtok"), rate("output_image_mtok")
    if vendor == "openai" and model.startswith(_TEXT_UNBILLED) and image_out is None:
        image_out, text_out = text_out, Decimal(0)
    text_in, image_in = rate("input_mtok"), rate("input_image_mtok")
    listed: dict[Unit, object] = {
        "text input": text_in,
        "cached text input": rate("cache_read_mtok"),
        "image input": text_in if image_in is None else image_in,
        "cached image input": rate("cache_image_read_mtok"),
        "text output": text_out,
        "image output": image_out,
    }
    # A price in tiers is no plain number; images have none.
    return {unit: amount for unit, amount in listed.items() if isinstance(amount, Decimal)}
