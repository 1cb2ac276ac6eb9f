"""Deterministic stand-in pictures: the bytes are a pure function of a `Drawing`.

Plainly marked EMULATED, legible, and cheap: flat layers over a vertical gradient, because equal neighbours
are what PNG compresses best.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from imagegen_nb.emulator.rendering.drawing import Drawing

if TYPE_CHECKING:
    from PIL import Image

#: How far each unfinished stage of a streamed picture is shrunk before it is blown up again, coarsest first.
STAGES: Final = (56, 28, 14)


@lru_cache(maxsize=32)
def render(drawing: Drawing) -> bytes:
    """The encoded picture. Takes tens of milliseconds for a megapixel: call it off the event loop."""
    from imagegen_nb.emulator.rendering.landscape import paint
    from imagegen_nb.emulator.rendering.text import letter

    image = paint(drawing)
    if drawing.stage is not None:
        image = _unfinished(image, drawing.stage)
    letter(image, drawing)
    return encode(image, drawing)


def encode(image: Image.Image, drawing: Drawing) -> bytes:
    """`image` in the drawing's format."""
    out = io.BytesIO()
    match drawing.format:
        case "png":
            image.save(out, "PNG", compress_level=2)
        case "jpeg":
            # Pillow advises against more than 95: much larger files, no visible gain.
            image.convert("RGB").save(out, "JPEG", quality=max(1, min(95, drawing.compression)))
        case "webp":
            image.save(out, "WEBP", quality=drawing.compression, method=0)
    return out.getvalue()


def _unfinished(image: Image.Image, stage: int) -> Image.Image:
    """A blurred preview of `image`, sharper with every stage."""
    from PIL import Image

    factor = STAGES[min(stage, len(STAGES) - 1)]
    small = image.reduce(factor)
    return small.resize(image.size, Image.Resampling.BICUBIC)
