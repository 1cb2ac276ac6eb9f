"""What a request costs in tokens and ticks, by the providers' published rules.

The output figures are exact. Text is the exception: no provider publishes its tokenizer for images, so
`text_tokens` is an approximation (four UTF-8 bytes a token), good for a plausible and repeatable usage block
and for nothing else.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

#: Latent grid edge by quality, from OpenAI's own image-cost calculator.
GPT_IMAGE_2: Final = {"low": 16, "medium": 48, "high": 96}
GPT_IMAGE_2_5: Final = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}

#: Every streamed partial image adds this many image output tokens (OpenAI's image guide).
PARTIAL_IMAGE_TOKENS: Final = 100

#: xAI states money in ticks: 1 USD is this many.
TICKS_PER_USD: Final = 10_000_000_000


def text_tokens(text: str) -> int:
    """Approximate tokens of `text`: its UTF-8 length over four, rounded up, at least 1."""
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // 4))


def gpt_image_tokens(grid: dict[str, int], quality: str, width: int, height: int) -> int:
    """Image output tokens of one `width` x `height` picture (pixels); raises KeyError on an unknown quality.

    The long edge gets the whole grid, the short edge its share rounded half to even, and the product is
    scaled by the area: ``ceil(q * s * (2_000_000 + w * h) / 4_000_000)``.
    """
    long_edge, short_edge = max(width, height), min(width, height)
    edge = grid[quality]
    other = round(Fraction(edge * short_edge, long_edge))  # Fraction rounds half to even, exactly
    return -(-edge * other * (2_000_000 + width * height) // 4_000_000)


def usd_ticks(cents: int, images: int) -> int:
    """Price of `images` pictures at `cents` US cents each, in xAI's ticks."""
    return cents * images * TICKS_PER_USD // 100
