"""Damage to the pictures of an otherwise correct answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from imagegen_nb.emulator.responses import Item

if TYPE_CHECKING:
    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.rendering.drawing import Drawing, PictureFormat

#: What `wrong_type` really sends, by the type it declares.
OTHER: Final[dict[PictureFormat, PictureFormat]] = {"png": "jpeg", "jpeg": "png", "webp": "png"}
HTML: Final = b"<!doctype html><html><body><h1>Not a picture (EMULATED)</h1></body></html>"
NOT_BASE64: Final = "@@@ this is not base64 @@@"


def really_drawn(fault: Fault, drawing: Drawing) -> Drawing:
    """The picture to render where `drawing` is the one declared."""
    return drawing.in_format(OTHER[drawing.format]) if fault.kind == "wrong_type" else drawing


def spoil(fault: Fault, item: Item) -> Item:
    """`item` as the fault leaves it; untouched for kinds that do not concern pictures."""
    match fault.kind:
        case "wrong_bytes":
            return Item.of(HTML if fault.shape == "html" else _noise(item.drawing.seed()), item.drawing)
        case "bad_base64":
            return Item(NOT_BASE64.encode(), NOT_BASE64, item.drawing)
        case "truncated_image":
            return Item.of(item.content[: len(item.content) // 2], item.drawing)
        case _:
            return item


def _noise(seed: bytes, size: int = 4096) -> bytes:
    """Reproducible bytes that begin like no picture format."""
    blocks = (hashlib.sha256(seed + bytes([number])).digest() for number in range(size // 32))
    return b"\x00" + b"".join(blocks)[1:]
