"""Prices of our own: what `genai-prices` does not have, each with where it stands and when it was read."""

from __future__ import annotations

from decimal import Decimal

from imagegen_nb.pricing.price import Price, PriceList, Unit

_XAI = "https://docs.x.ai/developers/model-capabilities/images/generation"
_MIGRATION = "https://docs.x.ai/developers/migration/imagine-image-quality-nov-2"
_OPENAI = "https://developers.openai.com/api/docs/pricing"
_OPENAI_BATCH = "https://help.openai.com/en/articles/9197833-batch-api-faq"
_READ = "2026-11-21"
_CORRECTED = "2026-11-26"
_BATCH_READ = "2026-11-28"


def _list(
    model: str,
    source: str,
    date: str,
    variants: dict[tuple[str, str], str] | None = None,
    **amounts: str,
) -> PriceList:
    prices: dict[Unit, Price] = {}
    for name, amount in amounts.items():
        unit: Unit = name.replace("_", " ")  # type: ignore[assignment]  # the keywords are units
        prices[unit] = Price(Decimal(amount), source, date)
    by_variant = {key: Price(Decimal(amount), source, date) for key, amount in (variants or {}).items()}
    return PriceList(model, prices, by_variant)


_LOW = {("low", "1k"): "0.04", ("low", "2k"): "0.06"}
_MEDIUM = {("medium", "1k"): "0.06", ("medium", "2k"): "0.08"}
_NEWEST_GPT = {
    "text_input": "5",
    "cached_text_input": "1.25",
    "image_input": "8",
    "cached_image_input": "2",
    "image_output": "30",
    "text_output": "0",  # not billed
}
# Half of each.
_NEWEST_GPT_BATCH = {
    "text_input": "2.5",
    "cached_text_input": "0.625",
    "image_input": "4",
    "cached_image_input": "1",
    "image_output": "15",
    "text_output": "0",
}
OWN: dict[str, PriceList] = {
    prices.model: prices
    for prices in (
        _list("grok-imagine-image", _XAI, _READ, image="0.02", reference_image="0.002"),
        # The usual price is that of 1k at low quality, which is what the step asks for: it sets neither.
        _list(
            "grok-imagine-image-2.0",
            _XAI,
            _READ,
            {**_LOW, **_MEDIUM},
            image="0.04",
            reference_image="0.01",
        ),
        # Served by 2.0 at low quality since 2026-11-02, and billed at that rate.
        _list("grok-imagine-image-quality", _MIGRATION, _READ, _LOW, image="0.04", reference_image="0.01"),
        _list("gpt-image-2.6-flare", _OPENAI, _CORRECTED, None, **_NEWEST_GPT),
        _list("gpt-image-2.6-sunburst", _OPENAI, _CORRECTED, None, **_NEWEST_GPT),
    )
}
"""By model. A newer release of `genai-prices` that has one of them goes first."""
OWN_BATCH: dict[str, PriceList] = {
    prices.model: prices
    for prices in (
        _list("gpt-image-2.6-flare", _OPENAI_BATCH, _BATCH_READ, None, **_NEWEST_GPT_BATCH),
        _list("gpt-image-2.6-sunburst", _OPENAI_BATCH, _BATCH_READ, None, **_NEWEST_GPT_BATCH),
    )
}
"""The same of what is asked for in a batch. xAI says that batches cost less, and not what an image does."""
