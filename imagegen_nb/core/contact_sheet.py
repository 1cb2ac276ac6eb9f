"""Thumbnails side by side in one JPEG: the only kind of picture that every host shows of a saved output."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_COLUMNS = 4
_EDGE = 240
_CAPTION = 18
_GAP = 6
_GROUND, _INK = "#757575", "white"
"""Neither of them dazzles on a dark page nor is lost on a white one."""
_QUALITIES = (70, 55, 40, 25)
_LARGEST, _LARGEST_EACH = 60_000, 7_500
"""Bytes: a notebook with four images has room for it in 60 kB, one with two dozen in 250 kB."""


def contact_sheet(thumbnails: Sequence[bytes | None]) -> bytes:
    """A JPEG of `thumbnails`, numbered from 1, four in a row; None leaves a place empty."""
    from PIL import Image, ImageDraw, ImageFont

    pictures = [None if thumbnail is None else _small(thumbnail) for thumbnail in thumbnails]
    columns = min(len(pictures), _COLUMNS)
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    # As high as the highest of its pictures: the ground of wide ones would stand out.
    heights = [max((picture.height for picture in row if picture), default=_EDGE) for row in rows]
    size = (columns * (_EDGE + _GAP) + _GAP, sum(heights) + len(rows) * (_CAPTION + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        left = _GAP + column * (_EDGE + _GAP)
        top = _GAP + sum(heights[:row]) + row * (_CAPTION + _GAP)
        draw.text((left + 2, top), str(index + 1), fill=_INK, font=font)
        if picture is not None:
            sheet.paste(picture, (left, top + _CAPTION))
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= min(_LARGEST, _LARGEST_EACH * len(thumbnails)):
            break
    return data


def _small(thumbnail: bytes) -> Image.Image:
    """The picture at its size on the sheet, white where it is transparent: a JPEG has no transparency."""
    from PIL import Image

    with Image.open(io.BytesIO(thumbnail)) as picture:
        picture.thumbnail((_EDGE, _EDGE))
        upright = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
