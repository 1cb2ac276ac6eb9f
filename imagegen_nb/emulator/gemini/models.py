"""Gemini's image models as data: pixel sizes and tokens by ratio and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """One served model.

    pixels: (width, height) by ratio at 1K. tokens: image output tokens by `imageSize`; the key '' stands for
    a model without that setting. input_tokens: what one reference image costs. limit: most prompt tokens.
    thinks: whether thoughts are counted before an image.
    """

    pixels: Mapping[str, tuple[int, int]]
    tokens: Mapping[str, int]
    input_tokens: int
    limit: int
    retired: bool = False
    thinks: bool = False

    @property
    def default_size(self) -> str:
        """The `imageSize` served when none is asked for."""
        return "1K" if "1K" in self.tokens else ""

    def size(self, ratio: str, image_size: str) -> tuple[int, int]:
        """Pixels of `ratio` at `image_size`; raises KeyError for a ratio the model does not know."""
        width, height = self.pixels[ratio]
        scale = _SCALES[image_size]
        return round(width * scale), round(height * scale)


_SCALES: Final = {"": 1.0, "512": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}

_FLASH_2_5: Final = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
#: As documented; live responses in the extreme ratios (1:4 and beyond) were seen to differ by a few percent.
_FLASH_3_1: Final = {
    "1:1": (1024, 1024),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}

#: The ratios that every model knows, in the pixels of the third generation.
_USUAL_3: Final = {ratio: pixels for ratio, pixels in _FLASH_3_1.items() if ratio in _FLASH_2_5}

MODELS: Final = {
    "gemini-2.5-flash-image": GeminiModel(_FLASH_2_5, {"": 1290}, 258, 32_768, retired=True),
    "gemini-3.1-flash-image": GeminiModel(
        _FLASH_3_1, {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}, 1120, 131_072, thinks=True
    ),
    # Published are its ratios, and the price at 1K, which makes 1120 tokens; the rest stands in from 3.1.
    "gemini-nano-banana-2.1": GeminiModel(
        _FLASH_3_1, {"1K": 1120, "2K": 1680, "4K": 2520}, 1120, 131_072, thinks=True
    ),
    # 1K only, in the ten usual ratios, as others tell.
    "gemini-3.1-flash-lite-image": GeminiModel(_USUAL_3, {"1K": 1120}, 1120, 131_072),
    "gemini-3-pro-image": GeminiModel(_USUAL_3, {"1K": 1120, "2K": 1120, "4K": 2000}, 560, 65_536),
}
