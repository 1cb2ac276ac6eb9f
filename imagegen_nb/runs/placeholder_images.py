"""The placeholder images of simulated runs: of the right size and format, and visibly marked."""

from __future__ import annotations

import io
from colorsys import hsv_to_rgb
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

from imagegen_nb.step.step import ImageGenerationStep

if TYPE_CHECKING:
    from PIL import Image

_USUAL = 1024
"""Pixels of an edge where the step leaves the size to the model, and the root of a ratio's pixels."""
_HUE_STEP = 0.618
"""The golden ratio, so that each image's hue is far from all earlier ones."""


def size(step: ImageGenerationStep) -> tuple[int, int]:
    """Width and height in pixels: those set, or about a megapixel of the ratio set."""
    asked = step.effective("image_size") or "auto"
    for mark in ("x", ":"):
        width, _, height = asked.partition(mark)
        if width.isdecimal() and height.isdecimal():
            if mark == "x":
                return int(width), int(height)
            shape = sqrt(int(width) / int(height))
            return round(_USUAL * shape / 16) * 16, round(_USUAL / shape / 16) * 16
    return _USUAL, _USUAL


def picture_format(step: ImageGenerationStep) -> str:
    """`png`, `jpeg` or `webp`: what the step says, or PNG, which every model ends in otherwise."""
    return step.effective("image_output_format") or "png"


def picture(step: ImageGenerationStep, index: int) -> bytes:
    """A file of one flat colour with text across it; `index` counts from 0."""
    return _picture(
        size(step), picture_format(step), index, step.image_count, step.image_background == "transparent"
    )


@lru_cache(maxsize=16)
def _picture(edges: tuple[int, int], kind: str, index: int, count: int, transparent: bool) -> bytes:
    from PIL import Image

    red, green, blue = (round(255 * part) for part in hsv_to_rgb((0.58 + index * _HUE_STEP) % 1, 0.35, 0.8))
    mode, alpha = ("RGBA", (0,)) if transparent else ("RGB", ())
    image = Image.new(mode, edges, (red, green, blue, *alpha))
    _write_text(image, f"SIMULATED {index + 1} of {count}")
    buffer = io.BytesIO()
    image.save(buffer, kind.upper())
    return buffer.getvalue()


def _write_text(image: Image.Image, text: str) -> None:
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(image.width / 14)
    middle = (image.width / 2, image.height / 2)
    ImageDraw.Draw(image).text(middle, text, fill="black", font=font, anchor="mm")
