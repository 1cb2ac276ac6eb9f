from __future__ import annotations

import pytest

from imagegen_nb.emulator.tokens import (
    GPT_IMAGE_2,
    GPT_IMAGE_2_5,
    gpt_image_tokens,
    text_tokens,
    usd_ticks,
)

PUBLISHED = [
    ((1024, 1024), (196, 1756, 7024)),
    ((1536, 1024), (158, 1372, 5488)),
    ((1024, 1536), (158, 1372, 5488)),
    ((2048, 2048), (397, 3568, 14272)),
    ((2048, 1152), (157, 1413, 5650)),
    ((1536, 864), (120, 1078, 4312)),
    ((2560, 1440), (205, 1843, 7370)),
    ((3840, 2160), (371, 3336, 13342)),
]


@pytest.mark.parametrize(("size", "expected"), PUBLISHED)
def test_the_published_table(size, expected):
    assert tuple(gpt_image_tokens(GPT_IMAGE_2, q, *size) for q in ("low", "medium", "high")) == expected


def test_the_published_dollars():
    for quality, dollars in (("low", "0.0059"), ("medium", "0.0527"), ("high", "0.2107")):
        assert f"{gpt_image_tokens(GPT_IMAGE_2, quality, 1024, 1024) * 30 / 1e6:.4f}" == dollars


def test_2_5_has_five_qualities_and_half_the_grid():
    assert gpt_image_tokens(GPT_IMAGE_2_5, "medium", 1024, 1024) == 439  # ceil(24 * 24 * 3048576 / 4e6)
    high = gpt_image_tokens(GPT_IMAGE_2, "high", 1024, 1024)
    assert gpt_image_tokens(GPT_IMAGE_2_5, "max", 1024, 1024) == high
    with pytest.raises(KeyError):
        gpt_image_tokens(GPT_IMAGE_2, "max", 1024, 1024)


def test_halves_round_to_even():
    # 16 / (32/21) = 10.5 -> 10, and 16 / (32/23) = 11.5 -> 12
    assert gpt_image_tokens(GPT_IMAGE_2, "low", 1024, 672) == -(
        -16 * 10 * (2_000_000 + 1024 * 672) // 4_000_000
    )
    assert gpt_image_tokens(GPT_IMAGE_2, "low", 1024, 736) == -(
        -16 * 12 * (2_000_000 + 1024 * 736) // 4_000_000
    )


def test_text_is_an_approximation_but_a_steady_one():
    assert text_tokens("") == 1
    assert text_tokens("abcde") == 2
    assert text_tokens("\U0001f98a") == 1
    assert text_tokens("\ud800") == 1


def test_ticks():
    assert usd_ticks(5, 1) == 500_000_000
    assert usd_ticks(2, 10) == 2_000_000_000
