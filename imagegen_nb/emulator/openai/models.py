"""OpenAI's image models, and what an image costs in tokens, by the published rules."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

#: Latent grid edge by quality, from OpenAI's own image-cost calculator.
GPT_IMAGE_2: Final = {"low": 16, "medium": 48, "high": 96}
GPT_IMAGE_2_5: Final = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}

#: Models served, with their token grid; its keys are the qualities the model knows.
MODELS: Final = {
    "gpt-image-2": GPT_IMAGE_2,
    "gpt-image-2-2026-04-21": GPT_IMAGE_2,
    "gpt-image-2.5-flare": GPT_IMAGE_2_5,
    "gpt-image-2.5-flare-2026-09-08": GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst": GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst-2026-09-08": GPT_IMAGE_2_5,
    # The grid of 2.6 is not published: that of 2.5, which has the same qualities, stands in for it.
    "gpt-image-2.6-flare": GPT_IMAGE_2_5,
    "gpt-image-2.6-sunburst": GPT_IMAGE_2_5,
}

#: Every streamed partial image adds this many image output tokens (OpenAI's image guide).
PARTIAL_IMAGE_TOKENS: Final = 100


def image_tokens(grid: dict[str, int], quality: str, width: int, height: int) -> int:
    """Output tokens of one `width` x `height` image (pixels), exactly; raises KeyError on an unknown quality.

    The long edge gets the whole grid, the short edge its share rounded half to even, and the product is
    scaled by the area: ``ceil(q * s * (2_000_000 + w * h) / 4_000_000)``.
    """
    long_edge, short_edge = max(width, height), min(width, height)
    grid_long = grid[quality]
    grid_short = round(Fraction(grid_long * short_edge, long_edge))  # Fraction rounds half to even, exactly
    return -(-grid_long * grid_short * (2_000_000 + width * height) // 4_000_000)
