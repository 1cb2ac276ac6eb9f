"""The most input tokens that one picture can have where a model is asked about it, as far as it is published.

OpenAI: guide "Images and vision" (developers.openai.com/api/docs/guides/images-vision, read 2026-11-27), at
detail `high`. Models that count tiles of 512 pixels scale the short edge to 768 first; others count patches
of 32 pixels, times a factor of the model's. Others measured less than the published factor, never more.
Google: pages "Media resolution" (Gemini 3: 1,120 for a picture unless more is asked for) and "Understand and
count tokens" (before: 258 for each tile, its edge 256 pixels at least). xAI: guide "Image understanding":
tiles of 448 pixels, 6 at most, and one more, 256 tokens each.
"""

from __future__ import annotations

from math import ceil

_PATCH = 32
_FACTORS = {"gpt-5.4-mini": 1.62, "gpt-5.4-nano": 2.46, "gpt-5-mini": 1.62, "gpt-5-nano": 2.46}
_NO_FACTOR = ("gpt-5.4", "gpt-5.5", "gpt-5.6-")
"""Models that count patches as they are; for those of a name that goes on the guide lists no other factor."""
_MEASURED = 1.2
"""What others measured for a model without a published factor."""
_BASE_AND_TILE = {"gpt-5": (70, 140), "gpt-4o": (85, 170), "gpt-4.1": (85, 170)}
_SHORT, _TILE = 768, 512
_LONGEST = 2048
_GEMINI_3 = 1120
_GEMINI_TILE, _SMALLEST_TILE = 258, 256
_XAI_MOST = (6 + 1) * 256


def most_image_tokens(provider: str, model: str, width: int, height: int) -> int | None:
    """The bound for a picture of so many pixels; None where none is published."""
    if provider == "openai":
        return _of_openai(model, width, height)
    if provider == "gemini" and model.startswith("gemini-2.5-"):
        return _GEMINI_TILE * ceil(width / _SMALLEST_TILE) * ceil(height / _SMALLEST_TILE)
    if provider == "gemini" and model.startswith("gemini-3"):
        return _GEMINI_3
    if provider == "xai" and model.startswith("grok-"):
        return _XAI_MOST
    return None


def _of_openai(model: str, width: int, height: int) -> int | None:
    patches = ceil(width / _PATCH) * ceil(height / _PATCH)
    if model in _BASE_AND_TILE:
        base, each = _BASE_AND_TILE[model]
        longest = min(_LONGEST, ceil(_SHORT * max(width, height) / min(width, height)))
        return base + each * ceil(_SHORT / _TILE) * ceil(longest / _TILE)
    if model in _FACTORS:
        return ceil(patches * _FACTORS[model])
    if model in _NO_FACTOR or model.startswith(_NO_FACTOR[2:]):
        return ceil(patches * _MEASURED)
    return None
