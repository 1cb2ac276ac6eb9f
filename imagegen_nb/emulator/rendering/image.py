"""A drawing, which says all that decides an image's bytes, and the image rendered from it.

Plainly marked EMULATED, legible, and cheap: flat layers over a vertical gradient, because equal neighbours
are what PNG compresses best.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from PIL import Image

ImageFormat = Literal["png", "jpeg", "webp"]

#: How far each unfinished stage of a streamed image is shrunk before it is enlarged again, coarsest first.
_STAGE_FACTORS: Final = (56, 28, 14)


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that decides an image's bytes: equal drawings render to equal bytes.

    width, height: pixels. detail: quality or resolution, for the caption. index: 0-based position among
    `count` images (0: how many there are is not known).
    compression: 0..100 as OpenAI's `output_compression` (jpeg, webp; 100 is best).
    stage: None for the finished image, else 0..2 for an unfinished one.
    """

    model: str
    prompt: str
    width: int
    height: int
    format: ImageFormat
    detail: str = ""
    index: int = 0
    count: int = 1
    compression: int = 100
    transparent: bool = False
    stage: int | None = None

    @property
    def mime_type(self) -> str:
        """The media type of `format`."""
        return f"image/{self.format}"

    def partial(self, stage: int) -> Drawing:
        """The same image, unfinished."""
        return replace(self, stage=stage)

    def in_format(self, name: ImageFormat) -> Drawing:
        """The same image in another format."""
        return replace(self, format=name, transparent=self.transparent and name != "jpeg")

    def seed(self) -> bytes:
        """What makes two images look different: prompt, index and model."""
        text = f"{self.model}\x00{self.index}\x00{self.prompt}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def caption(self) -> str:
        """One line under the prompt."""
        position = f"{self.index + 1} of {self.count}" if self.count else f"number {self.index + 1}"
        unfinished = "" if self.stage is None else "unfinished"
        parts = [self.model, f"{self.width} x {self.height}", self.detail, position, unfinished]
        return "  \u00b7  ".join(part for part in parts if part)


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
    file = io.BytesIO()
    match drawing.format:
        case "png":
            image.save(file, "PNG", compress_level=2)
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
