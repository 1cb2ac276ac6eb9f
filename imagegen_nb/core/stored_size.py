"""How many bytes images will take in a store: a usual range, and the most that files of their kind have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.core.words import counted

UNCOMPRESSED = 4
"""Bytes of a pixel in a PNG that cannot be compressed: one for each channel."""
_LOSSY = ("jpeg", "webp")
_MOST_LOSSY = 2
"""Bytes of a pixel that such files never reach, even at their best quality."""
_USUAL_PNG = (0.05, 2.0)
"""Bytes of a pixel: a flat drawing, a photograph with grain (1.3 to 1.9 MB were measured at 1024 x 1024)."""
_USUAL_LOSSY = (0.02, 0.6)
_LEFT_OPEN = 1536 * 1024
"""Pixels of the largest image the models make where they choose the size, or only its ratio is set."""


@dataclass(frozen=True, slots=True)
class StoredSize:
    """What `count` images will take in a store, in bytes.

    `low` and `high` are what such files usually have, drawings and photographs; both are None where the model
    chooses the size, and `reason` says so. `reserved` is the most they can have by their pixels and format,
    or by the largest usual size: so much a run reserves below a storage limit.
    """

    count: int
    low: int | None
    high: int | None
    reserved: int
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; null where unknown."""
        return {name: getattr(self, name) for name in ("count", "low", "high", "reserved", "reason")}

    def __str__(self) -> str:
        images = f"bytes to store {counted(self.count, 'image')}"
        reserved = f"a storage limit counts {byte_size(self.reserved)} until they are there"
        if self.low is None or self.high is None:
            return f"{images}: unknown ({self.reason}); {reserved}"
        return f"{images}: roughly {byte_size(self.low)} to {byte_size(self.high)}; {reserved}"


def stored_size(count: int, pixels: int | None, kind: str) -> StoredSize:
    """That of images of so many `pixels`, None where that is left open, as `png`, `jpeg` or `webp`.

    Any other `kind`, such as none, is counted as PNG: no file is larger.
    """
    lossy = kind in _LOSSY
    reserved = count * (pixels or _LEFT_OPEN) * (_MOST_LOSSY if lossy else UNCOMPRESSED)
    if pixels is None:
        return StoredSize(count, None, None, reserved, "the model chooses the size in pixels")
    low, high = (round(count * pixels * each) for each in (_USUAL_LOSSY if lossy else _USUAL_PNG))
    return StoredSize(count, low, high, reserved)


def total(sizes: Iterable[StoredSize]) -> StoredSize:
    """The sum; unknown where one of them is."""
    count = low = high = reserved = 0
    reason = ""
    for one in sizes:
        count, reserved = count + one.count, reserved + one.reserved
        low, high, reason = low + (one.low or 0), high + (one.high or 0), reason or one.reason
    return StoredSize(count, None if reason else low, None if reason else high, reserved, reason)
