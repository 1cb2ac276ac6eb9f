"""xAI's image models: aspect ratios, resolutions, and prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: xAI states money in ticks: 1 USD is this many.
_TICKS_PER_USD: Final = 10_000_000_000


@dataclass(frozen=True, slots=True)
class XaiModel:
    """One served model: which model really answers, whether it takes `quality`, its price in US cents.

    prices: by quality, then resolution. The price of 1.5k is not published; it is billed here as 2k.
    """

    served_by: str
    takes_quality: bool
    ratios: frozenset[str]
    prices: Mapping[str, Mapping[str, int]]


RESOLUTIONS: Final = {"1k": 1024, "1.5k": 1536, "2k": 2048}
RATIOS: Final = ("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2",
                 "2:1", "auto")  # fmt: skip
_ALL: Final = frozenset(RATIOS)
_WIDE: Final = _ALL | {"21:9", "5:2"}
_LOW: Final = {"1k": 4, "1.5k": 6, "2k": 6}
_MEDIUM: Final = {"1k": 6, "1.5k": 8, "2k": 8}
_ONE: Final = XaiModel("grok-imagine-image", False, _ALL, {"low": {"1k": 2, "1.5k": 2, "2k": 2}})
_TWO: Final = XaiModel("grok-imagine-image-2.0", True, _WIDE, {"low": _LOW, "medium": _MEDIUM})
#: Retired, still resolved: answered and billed by 2.0 at low quality, which the caller cannot change.
REDIRECTED: Final = XaiModel("grok-imagine-image-2.0", False, _WIDE, {"low": _LOW})

MODELS: Final = {
    "grok-imagine-image": _ONE,
    "grok-imagine-image-2026-03-02": _ONE,
    "grok-imagine-image-2.0": _TWO,
    "grok-imagine-image-quality": REDIRECTED,
    "grok-imagine-image-quality-20260403": REDIRECTED,
    "grok-imagine-image-quality-latest": REDIRECTED,
    "grok-imagine-image-pro": REDIRECTED,
}


def pixel_size(ratio: str, resolution: str) -> tuple[int, int]:
    """Pixels of a ratio: the resolution's square in area, edges rounded to 16 (`auto` is square)."""
    across, down = (float(part) for part in ("1:1" if ratio == "auto" else ratio).split(":"))
    edge = RESOLUTIONS[resolution]
    width, height = edge * math.sqrt(across / down), edge * math.sqrt(down / across)
    return round(width / 16) * 16, round(height / 16) * 16


def usd_ticks(cents: int, images: int) -> int:
    """Price of `images` images at `cents` US cents each, in xAI's ticks."""
    return cents * images * _TICKS_PER_USD // 100
