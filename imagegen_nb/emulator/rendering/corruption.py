"""Damage to the images of an otherwise correct response."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from imagegen_nb.emulator.responses import EncodedImage

if TYPE_CHECKING:
    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.rendering.drawing import Drawing, ImageFormat

#: What `wrong_type` really sends, by the type it declares.
_WRONG_FORMAT: Final[dict[ImageFormat, ImageFormat]] = {"png": "jpeg", "jpeg": "png", "webp": "png"}
_HTML: Final = b"<!doctype html><html><body><h1>Not a picture (EMULATED)</h1></body></html>"
_NOT_BASE64: Final = "@@@ this is not base64 @@@"


def drawing_to_render(drawing: Drawing, fault: Fault) -> Drawing:
    """What to render where `drawing` is declared; another format for `wrong_type`."""
    return drawing.in_format(_WRONG_FORMAT[drawing.format]) if fault.kind == "wrong_type" else drawing


def corrupt(image: EncodedImage, fault: Fault) -> EncodedImage:
    """`image` as the fault leaves it; unchanged for kinds that do not concern images."""
    match fault.kind:
        case "wrong_bytes":
            html = fault.variant_or_default() == "html"
            return EncodedImage.encode(_HTML if html else _noise(image.drawing.seed()), image.drawing)
        case "bad_base64":
            return EncodedImage(_NOT_BASE64.encode(), _NOT_BASE64, image.drawing)
        case "truncated_image":
            return EncodedImage.encode(image.content[: len(image.content) // 2], image.drawing)
        case _:
            return image


def _noise(seed: bytes, size: int = 4096) -> bytes:
    """Reproducible bytes that begin like no image format."""
    blocks = (hashlib.sha256(seed + bytes([number])).digest() for number in range(size // 32))
    return b"\x00" + b"".join(blocks)[1:]
