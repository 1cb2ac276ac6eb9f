"""Estimates: exact, a range, or unknown with a reason; never a zero for what is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb import ImageGenerationStep
from imagegen_nb.errors import VariableError
from imagegen_nb.pricing.estimate import PricedCall, estimate, span

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def _step(**settings):
    return ImageGenerationStep(**{"prompt": "a fox", **settings})


def test_a_price_per_image_is_exact_and_scales_with_the_count():
    estimated = _step(model="grok-imagine-image", image_count=3).estimate()
    assert estimated.exact
    assert (estimated.low, estimated.high) == (Decimal("0.06"), Decimal("0.06"))
    assert estimated.per_image == (Decimal("0.02"), Decimal("0.02"))
    assert estimated.task_credits == 3
    assert estimated.short == "$0.06 · 3 task credits"


def test_tokens_give_a_range_as_wide_as_the_prompt_is_uncertain():
    step = _step(prompt="{{it}}", image_size="1024x1024", image_quality="medium", image_count=2)
    estimated = step.estimate({"it": "é" * 50})
    image = Decimal(2 * 1756 * 30) / 1_000_000
    assert estimated.low == image + Decimal(5) / 1_000_000
    assert estimated.high == image + Decimal(100 * 5) / 1_000_000
    assert estimated.known
    assert not estimated.exact
    assert any("tokenizer" in note for note in estimated.notes)


def test_gemini_is_sent_the_prompt_with_every_image():
    once = _step(model="gemini-2.5-flash-image").estimate()
    thrice = _step(model="gemini-2.5-flash-image", image_count=3).estimate()
    assert once.low is not None
    assert once.high is not None
    assert (thrice.low, thrice.high) == (once.low * 3, once.high * 3)


@pytest.mark.parametrize(
    ("settings", "named", "bounded"),
    [
        ({}, "image_quality and image_size", True),
        ({"image_size": "1024x1024"}, "image_quality", True),
        ({"image_size": "1024x1024", "image_quality": "auto"}, "image_quality", True),
        ({"image_size": "auto", "image_quality": "low"}, "image_size", True),
        ({"model": "gpt-image-2.6-flare", "image_size": "1024x1024", "image_quality": "low"}, "2.6", False),
        ({"model": "gemini-3.1-flash-lite-image"}, "not published", False),
    ],
)
def test_what_cannot_be_told_is_none_with_the_reason(settings, named, bounded):
    estimated = _step(**settings).estimate()
    assert (estimated.low, estimated.high, estimated.per_image) == (None, None, None)
    assert not estimated.known
    assert not estimated.exact
    assert named in estimated.reason
    assert (estimated.ceiling is not None) is bounded
    assert estimated.short.startswith("at most $" if bounded else "an unknown amount (")


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
@pytest.mark.parametrize("size", ["1024x1024", "3840x2160", "2880x2880", "1408x480"])
def test_the_ceiling_of_auto_is_above_whatever_it_may_choose(size, quality):
    chosen = _step(image_size=size, image_quality=quality).estimate()
    assert chosen.high is not None
    ceiling = _step().estimate().ceiling
    assert ceiling is not None
    assert ceiling >= chosen.high


def test_previews_cost_tokens_too():
    step = _step(image_size="1024x1024", image_quality="low")
    plain, with_previews = step.estimate(), step.estimate(partial_images=3)
    assert plain.low is not None
    assert with_previews.low == plain.low + Decimal(300 * 30) / 1_000_000


def test_a_prompt_that_is_not_filled_has_no_estimate():
    with pytest.raises(VariableError, match="product"):
        _step(prompt="a {{product}}").estimate()


@pytest.mark.parametrize("reason", [{"declared": True}, {"unpriced_account": "the gateway"}])
def test_a_price_that_is_not_the_providers_is_unknown(reason):
    call = PricedCall(provider="xai", model="grok-imagine-image", prompt="x", **reason)
    for estimated in (estimate(call), span(call)):
        assert (estimated.low, estimated.ceiling) == (None, None)
        assert estimated.reason


def test_a_provider_of_someone_elses_has_no_price():
    assert not estimate(PricedCall(provider="swatch", model="swatch-1", prompt="x")).known


def test_it_shows_itself_with_sources():
    estimated = _step(image_size="1024x1024", image_quality="low", image_count=2).estimate()
    for shown in (repr(estimated), estimated._repr_html_()):
        assert "gpt-image-2 · 2 images" in shown
        assert "per image" in shown
        assert "https://developers.openai.com" in shown
