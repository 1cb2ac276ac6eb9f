"""An image's bytes, rendered from a `Drawing` and from nothing else.

Plainly marked EMULATED, legible, and cheap: flat layers over a vertical gradient, because equal neighbours
are what PNG compresses best.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from imagegen_nb.emulator.rendering.png import encode_png

if TYPE_CHECKING:
    from PIL import Image

    from imagegen_nb.emulator.rendering.drawing import Drawing

#: How far each unfinished stage of a streamed image is shrunk before it is enlarged again, coarsest first.
_STAGE_FACTORS: Final = (56, 28, 14)


@lru_cache(maxsize=32)
def render(drawing: Drawing) -> bytes:
    """The encoded image. Takes tens of milliseconds for a megapixel: call it off the event loop."""
    from imagegen_nb.emulator.rendering.landscape import paint_landscape
    from imagegen_nb.emulator.rendering.text import draw_text

    image = paint_landscape(drawing)
    if drawing.stage is not None:
        image = _blur(image, drawing.stage)
    draw_text(image, drawing)
    return _encode(image, drawing)


def _encode(image: Image.Image, drawing: Drawing) -> bytes:
    """`image` in the drawing's format."""
    if drawing.format == "png":
        return encode_png(image)
    file = io.BytesIO()
    match drawing.format:
        case "jpeg":
            # Pillow advises against more than 95: much larger files, no visible gain.
            image.convert("RGB").save(file, "JPEG", quality=max(1, min(95, drawing.compression)))
        case "webp":
            image.save(file, "WEBP", quality=drawing.compression, method=0)
    return file.getvalue()


def _blur(image: Image.Image, stage: int) -> Image.Image:
    """A blurred preview of `image`, sharper with every stage."""
    from PIL import Image

    factor = _STAGE_FACTORS[min(stage, len(_STAGE_FACTORS) - 1)]
    small = image.reduce(factor)
    return small.resize(image.size, Image.Resampling.BICUBIC)
