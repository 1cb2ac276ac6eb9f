"""Every published price is reproduced: each row comes out of the code, to the last published digit."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imagegen_nb.pricing.estimate import PricedCall, estimate
from imagegen_nb.pricing.image_tokens import image_tokens
from imagegen_nb.pricing.price_lookup import prices_of
from imagegen_nb.providers.catalog import models, providers

PUBLISHED = json.loads((Path(__file__).parent / "published_prices.json").read_text())
UNITS = (
    "text input",
    "cached text input",
    "image input",
    "cached image input",
    "cache write",
    "text output",
    "image output",
)


def _name(row: dict[str, Any]) -> str:
    return " ".join(str(row[key]) for key in ("model", "size", "quality", "resolution") if row.get(key))


@pytest.mark.parametrize(
    "row", PUBLISHED["rates"] + PUBLISHED["vision_rates"] + PUBLISHED["legacy_rates"], ids=_name
)
def test_every_published_rate_is_reproduced(row):
    prices = prices_of(row["provider"], row["model"])
    assert prices is not None
    compared = {unit: prices.amount(unit) for unit in UNITS if unit in row}
    assert compared, "the row priced nothing"
    assert compared == {unit: Decimal(row[unit]) for unit in compared}


@pytest.mark.parametrize("row", PUBLISHED["batch_rates"], ids=_name)
def test_every_published_rate_of_a_batch_is_reproduced(row):
    prices = prices_of(row["provider"], row["model"], batch=True)
    assert prices is not None
    compared = {unit: prices.amount(unit) for unit in UNITS if unit in row}
    assert compared == {unit: Decimal(row[unit]) for unit in compared}
    assert all(price.source.startswith("https://") and price.date for price in prices.prices.values())


def test_a_model_without_a_published_price_in_a_batch_has_none():
    listed = {row["model"] for row in PUBLISHED["batch_rates"]}
    others = [entry for entry in models() if entry.model.name not in listed and not entry.model.like]
    others = [entry for entry in others if entry.provider.name in ("gemini", "openai", "xai")]
    assert {entry.model.name for entry in others} >= {"grok-imagine-image", "gemini-2.5-flash-image"}
    for entry in others:
        name = entry.model.name
        assert prices_of(entry.provider.name, name, batch=True) is None
        call = PricedCall(provider=entry.provider.name, model=name, prompt="x")
        estimated = estimate(replace(call, batch=True))
        # In a batch nothing costs more than by itself.
        assert (estimated.low, estimated.ceiling) == (None, estimate(call).ceiling)
        assert estimated.reason == f"no price of {name} in a batch is published"


@pytest.mark.parametrize("row", PUBLISHED["images"], ids=_name)
def test_every_published_price_of_an_image_is_reproduced(row):
    settings = {key: row.get(key) for key in ("size", "quality", "resolution")}
    estimated = estimate(PricedCall(provider=row["provider"], model=row["model"], prompt="x", **settings))
    assert estimated.low is not None, estimated.reason
    assert estimated.low > 0, "the row priced nothing"
    if row["tokens"] is not None:
        tokens = image_tokens(row["model"], **settings)
        assert tokens is not None
        assert (tokens.low, tokens.high) == (row["tokens"], row["tokens"])
    if row["usd"] is not None:
        prices = prices_of(row["provider"], row["model"])
        assert prices is not None
        image = prices.image(settings["quality"], settings["resolution"])
        if image is None:
            image = prices.tokens("image output", row["tokens"])
        published = Decimal(row["usd"])
        assert image is not None
        assert image.quantize(published) == published


@pytest.mark.parametrize("row", PUBLISHED["reference_images"], ids=_name)
def test_every_published_price_of_a_reference_image_is_reproduced(row):
    prices = prices_of(row["provider"], row["model"])
    assert prices is not None
    assert prices.amount("reference image") == Decimal(row["usd"])


def test_the_table_covers_the_catalog_and_nothing_in_it_is_empty():
    assert len(PUBLISHED["rates"]) + len(PUBLISHED["images"]) > 30
    listed = {row["model"] for row in PUBLISHED["rates"] + PUBLISHED["images"]}
    assert listed >= {entry.model.name for entry in models() if not entry.model.like}
    looking = {(provider.name, each.name) for provider in providers() for each in provider.vision_models}
    assert looking == {(row["provider"], row["model"]) for row in PUBLISHED["vision_rates"]}


@pytest.mark.parametrize("row", PUBLISHED["rates"] + PUBLISHED["vision_rates"], ids=_name)
def test_every_price_has_source_date_and_currency(row):
    prices = prices_of(row["provider"], row["model"])
    assert prices is not None
    for price in prices.prices.values():
        assert price.source.startswith("https://")
        assert price.date
        assert price.currency == "USD"
