from __future__ import annotations

import pytest

from imagegen_nb.emulator.openai.models import GPT_IMAGE_2, GPT_IMAGE_2_5, image_tokens

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
    assert tuple(image_tokens(GPT_IMAGE_2, q, *size) for q in ("low", "medium", "high")) == expected


def test_the_published_dollars():
    for quality, dollars in (("low", "0.0059"), ("medium", "0.0527"), ("high", "0.2107")):
        assert f"{image_tokens(GPT_IMAGE_2, quality, 1024, 1024) * 30 / 1e6:.4f}" == dollars


def test_2_5_has_five_qualities_and_half_the_grid():
    assert image_tokens(GPT_IMAGE_2_5, "medium", 1024, 1024) == 439  # ceil(24 * 24 * 3048576 / 4e6)
    high = image_tokens(GPT_IMAGE_2, "high", 1024, 1024)
    assert image_tokens(GPT_IMAGE_2_5, "max", 1024, 1024) == high
    with pytest.raises(KeyError):
        image_tokens(GPT_IMAGE_2, "max", 1024, 1024)


def test_halves_round_to_even():
    # 16 / (32/21) = 10.5 -> 10, and 16 / (32/23) = 11.5 -> 12
    assert image_tokens(GPT_IMAGE_2, "low", 1024, 672) == -(-16 * 10 * (2_000_000 + 1024 * 672) // 4_000_000)
    assert image_tokens(GPT_IMAGE_2, "low", 1024, 736) == -(-16 * 12 * (2_000_000 + 1024 * 736) // 4_000_000)
