"""Notes for a run's warnings where what came differs from what was asked for; images are kept as they are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.types import ImageRequest, ResponseMetadata
from imagegen_nb.step.step import ImageGenerationStep

_RATIO = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")
_LARGEST_TILE = 64
"""Pixels that providers round edges to a multiple of: 8, 16, 32 or 64."""
_SAME_SHAPE = 0.01
"""What a shape may be off however its edges are rounded; nobody sees it."""


def in_image(step: ImageGenerationStep, index: int, image: CheckedImage) -> Iterator[str]:
    """The differences between what `step` asks for and its image number `index`, for people."""
    name = f"image {index + 1}"
    if image.note and not step.entry.model.stored_as:
        yield f"{name}: {image.note}"
    if image.lost:
        kept_as = image.media_type.removeprefix("image/")
        yield f"{name}: stored as {kept_as}, which did not keep {', '.join(image.lost)}"
    asked = step.effective("image_output_format")
    if asked and image.media_type != f"image/{asked}":
        yield f"{name}: asked for {asked}, got {image.media_type.removeprefix('image/')}"
    size = step.image_size or ""
    if "x" in size and size != f"{image.width}x{image.height}":
        yield f"{name}: asked for {size}, got {image.width}x{image.height}"
    ratio = step.effective("image_size") or ""
    if _RATIO.fullmatch(ratio) and _ratio_of(image.width, image.height, step) != ratio:
        asked = f"asked for {ratio}" if step.image_size else f"{ratio} is the default"
        yield f"{name}: {asked}, got {image.width}x{image.height}"
    if step.image_background == "transparent" and not image.has_alpha:
        yield f"{name}: asked for a transparent background, got an opaque image"


def shape_that_came(step: ImageGenerationStep, sizes: Iterable[tuple[int, int]]) -> str | None:
    """What to report as `image_size` where a ratio was asked for and all images came in another one.

    It is one of the model's ratios, or a size in pixels where none fits; None where nothing differs.
    """
    asked = step.effective("image_size") or ""
    if not _RATIO.fullmatch(asked):
        return None
    came = {_ratio_of(width, height, step) or f"{width}x{height}" for width, height in sizes}
    return came.pop() if len(came) == 1 and came != {asked} else None


def _ratio_of(width: int, height: int, step: ImageGenerationStep) -> str | None:
    """Which of the model's ratios a picture has: the nearest, where rounding can have made the size of it.

    A fixed tolerance cannot tell: 896x1152 is 4:5, and nearer to 3:4 than some roundings are to their ratio.
    """
    kind = step.entry.model.settings.get("image_size")
    known = {*getattr(kind, "values", ()), step.effective("image_size") or ""}
    parts = {ratio: (int(match[1]), int(match[2])) for ratio in known if (match := _RATIO.fullmatch(ratio))}

    def off(ratio: str) -> float:
        across, down = parts[ratio]
        return abs(math.log(width * down / (height * across)))

    nearest = min(sorted(parts), key=off)
    return nearest if off(nearest) <= _SAME_SHAPE or _is_rounded(width, height, *parts[nearest]) else None


def _is_rounded(width: int, height: int, across: int, down: int) -> bool:
    """Whether a size in this ratio has these edges once each is rounded to the tile that fits both."""
    half = math.gcd(width, height, _LARGEST_TILE) / 2
    smallest = max((width - half) / across, (height - half) / down)
    largest = min((width + half) / across, (height + half) / down)
    return smallest < largest


def in_models(step: ImageGenerationStep, receipts: Iterable[ResponseMetadata]) -> list[str]:
    """The models other than the one asked for that have answered, for people."""
    others = {receipt.answered_by for receipt in receipts} - {step.model, None}
    return [f"{step.model} was answered by {other}" for other in sorted(filter(None, others))]


def in_settings(request: ImageRequest, provider: str) -> list[str]:
    """The settings that were set and that the provider's code never read, for people."""
    unread = request.tracked_settings.unread
    return [f"{key} = {value!r} was not sent: {provider} does not read it" for key, value in unread.items()]
