"""The picture as it is sent to a model that judges it: no larger than need be, of a type that all take."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from imagegen_nb.core import image_metadata, images

_TYPE = "image/jpeg"
"""Every provider takes it. It is small, and its encoder gives the same bytes everywhere, unlike those of PNG:
a question that is asked again on another machine finds its recording."""
_LARGEST = 8 * 1024 * 1024
"""Bytes of a file that is sent as it is; in base64 that is half of what xAI takes."""
_QUALITY = 90
ENCODING = f"JPEG {_QUALITY} 4:4:4"
"""How pictures are encoded, for whoever asks whether two were sent alike."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture to send; `width` and `height` are its pixels."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


def picture_of(data: bytes, longest_edge: int) -> SentPicture:
    """`data` as a JPEG within the bound; as it is, where it is one.

    What is see-through is shown on white. Raises `ImageRejected` for what is no whole picture.
    """
    from PIL import Image

    picture = images.decode(data)
    fits = max(picture.size) <= longest_edge and len(data) <= _LARGEST
    if fits and images.sniff(data) == _TYPE and not _may_be_turned(data):
        return SentPicture(data, _TYPE, *picture.size)
    picture = image_metadata.to_srgb(picture)
    picture.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS, reducing_gap=None)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        picture = white
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return SentPicture(buffer.getvalue(), _TYPE, *picture.size)


def _may_be_turned(data: bytes) -> bool:
    """Whether a file has EXIF data, which may say that it is shown turned: models look at the pixels."""
    return b"Exif\0\0" in data[:65_536]
