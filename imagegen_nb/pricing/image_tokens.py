"""Output tokens of one image, where a provider has published how many there are.

OpenAI's rule is that of its own cost calculator: it gives the published price of every size. Google publishes
one number for each model, because the step asks for no other than the usual resolution.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

PARTIAL_IMAGE = 100
"""Output tokens of each preview that is streamed (OpenAI's image guide)."""
_GPT_IMAGE_2 = {"low": 16, "medium": 48, "high": 96}
_GPT_IMAGE_2_5 = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}
_GRIDS = {
    "gpt-image-2": _GPT_IMAGE_2,
    "gpt-image-2.5-flare": _GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst": _GPT_IMAGE_2_5,
}
"""Edge of the grid by quality. That of 2.6 is not published."""
_EXTREMES = ((1408, 480), (2880, 2880), (3840, 2160))
"""Of the sizes that OpenAI may choose: about the smallest and widest, the largest square, the largest."""
_FIXED = {
    "gemini-2.5-flash-image": {"1K": 1290},
    "gemini-3.1-flash-image": {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520},
    "gemini-nano-banana-2.1": {"1K": 1120},
    "gemini-3-pro-image": {"1K": 1120, "2K": 1120, "4K": 2000},
}
"""By model and resolution. Of gemini-3-pro-image Google's price list says: "Output images from 1024x1024px
(1K) and up to 2048x2048px (2K) consume 1120 tokens and are equivalent to $0.134 per image. Output images up
to 4096x4096px (4K) consume 2000 tokens and are equivalent to $0.24 per image", at $120 per 1,000,000 tokens
(ai.google.dev/gemini-api/docs/pricing, as quoted on 2026-08-18). Google's staff say that 1,850 to 2,000
output tokens at 1K hold the thoughts as well (discuss.ai.google.dev/t/121299)."""
_OLDER_GPT = {
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {"1024x1024": 4160, "1024x1536": 6240, "1536x1024": 6208},
}
_BY_SIZE = {"gpt-image-1.5": _OLDER_GPT, "gpt-image-1-mini": _OLDER_GPT}
"""By model, quality and size: the models before the rule."""
THOUGHTS = {"gemini-3.1-flash-image": 1189, "gemini-nano-banana-2.1": 1189, "gemini-3-pro-image": 1189}
"""Tokens of thoughts before an image: the most that was recorded; no bound is published."""
FEWEST = 300
"""No Gemini image has as few output tokens."""


@dataclass(frozen=True, slots=True)
class TokenRange:
    """The fewest and the most output tokens that an image can have; `open_because` says what leaves
    them open, and is empty where they are one number."""

    low: int
    high: int
    open_because: str = ""


def image_tokens(
    model: str, size: str | None, quality: str | None, resolution: str | None = None
) -> TokenRange | None:
    """The tokens of an image of `model`, or None where nothing is published."""
    if model in _FIXED:
        count = _FIXED[model].get(resolution or "1K")
        return None if count is None else TokenRange(count, count)
    if model in _BY_SIZE:
        count = _BY_SIZE[model].get(quality or "", {}).get(size or "")
        return None if count is None else TokenRange(count, count)
    grid = _GRIDS.get(model)
    if grid is None:
        return None
    open_settings = []
    edges: Iterable[int] = grid.values()
    if quality in grid:
        edges = (grid[quality],)
    else:
        open_settings.append("image_quality")
    pixels = _pixels(size)
    if pixels is None:
        open_settings.append("image_size")
    counts = [_count(edge, *one) for edge in edges for one in ((pixels,) if pixels else _EXTREMES)]
    is_are = "is" if len(open_settings) == 1 else "are"
    because = f"{' and '.join(open_settings)} {is_are} auto, so the model chooses" if open_settings else ""
    return TokenRange(min(counts), max(counts), because)


def _pixels(size: str | None) -> tuple[int, int] | None:
    width, _, height = (size or "").partition("x")
    return (int(width), int(height)) if width.isdecimal() and height.isdecimal() else None


def _count(edge: int, width: int, height: int) -> int:
    """The long edge has the whole grid, the short one its share; their product grows with the area."""
    share = round(Fraction(edge * min(width, height), max(width, height)))  # half to even, exactly
    return -(-edge * share * (2_000_000 + width * height) // 4_000_000)
