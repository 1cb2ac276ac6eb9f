"""The picture as it is sent to a model that judges it: no larger than need be, of a type that all take."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from imagegen_nb.core import image_metadata, images

_TAKEN = ("image/png", "image/jpeg")
"""What every provider takes; xAI takes no other."""
_LARGEST = 8 * 1024 * 1024
"""Bytes of a file that is sent as it is; in base64 that is half of what xAI takes."""
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture to send; `width` and `height` are its pixels."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


def picture_of(data: bytes, longest_edge: int) -> SentPicture:
    """`data` as it is, where that is a PNG or JPEG within the bound; else scaled down to it, as a JPEG.

    As it is: a cassette then keeps the same file once, for the answer that brought it and for the question.
    What is see-through is shown on white. Raises `ImageRejected` for what is no whole picture.
    """
    from PIL import Image

    picture = images.decode(data)
    media_type = images.sniff(data) or ""
    fits = max(picture.size) <= longest_edge and len(data) <= _LARGEST
    if fits and media_type in _TAKEN and not _may_be_turned(data):
        return SentPicture(data, media_type, *picture.size)
    picture = image_metadata.to_srgb(picture)
    picture.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS, reducing_gap=None)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        picture = white
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return SentPicture(buffer.getvalue(), "image/jpeg", *picture.size)


def _may_be_turned(data: bytes) -> bool:
    """Whether a file has EXIF data, which may say that it is shown turned: models look at the pixels."""
    return b"Exif\0\0" in data[:65_536] or b"eXIf" in data
