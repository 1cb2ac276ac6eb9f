"""What is to be rendered: all that decides an image's bytes, as a plain value."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

ImageFormat = Literal["png", "jpeg", "webp"]


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
