"""The examples that the providers publish, and the bounds that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.pricing.vision_tokens import most_image_tokens
from imagegen_nb.providers.catalog import providers

EVERY = [(provider.name, model.name) for provider in providers() for model in provider.vision_models]


@pytest.mark.parametrize(
    ("provider", "model", "size", "tokens"),
    [
        ("openai", "gpt-5.4-mini", (1024, 1024), 1659),  # 1,024 patches, times 1.62
        ("openai", "gpt-5-mini", (1024, 1024), 1659),
        ("openai", "gpt-5.4", (1024, 1024), 1229),
        ("openai", "gpt-5.6-luna", (33, 32), 3),
        ("openai", "gpt-5", (1024, 1024), 70 + 140 * 4),
        ("gemini", "gemini-3-flash-preview", (1024, 640), 1120),
        ("gemini", "gemini-2.5-flash", (256, 256), 258),
        ("gemini", "gemini-2.5-flash", (1024, 1024), 258 * 16),
        ("xai", "grok-4.6", (1024, 1024), 1792),
    ],
)
def test_published_bounds(provider, model, size, tokens):
    assert most_image_tokens(provider, model, *size) == tokens


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-9"),
        ("openai", "gpt-5.4-pro"),
        ("gemini", "gemini-9"),
        ("xai", "other"),
        ("paint", "gpt-5"),
    ],
)
def test_what_is_not_published_has_no_bound(provider, model):
    assert most_image_tokens(provider, model, 100, 100) is None


@pytest.mark.parametrize(("provider", "model"), EVERY)
@given(st.integers(1, 4096), st.integers(1, 4096))
def test_every_known_model_has_a_bound(provider, model, width, height):
    assert most_image_tokens(provider, model, width, height) > 0
