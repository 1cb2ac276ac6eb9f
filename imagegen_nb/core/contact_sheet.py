"""Thumbnails side by side in one JPEG: the only kind of picture that every host shows of a saved output."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

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

    columns = min(len(thumbnails), _COLUMNS)
    width, height = _EDGE + _GAP, _EDGE + _CAPTION + _GAP
    size = (columns * width + _GAP, math.ceil(len(thumbnails) / columns) * height + _GAP)
    sheet = Image.new("RGB", size, _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, thumbnail in enumerate(thumbnails):
        left, top = _GAP + index % columns * width, _GAP + index // columns * height
        draw.text((left + 2, top), str(index + 1), fill=_INK, font=font)
        if thumbnail is not None:
            with Image.open(io.BytesIO(thumbnail)) as picture:
                picture.thumbnail((_EDGE, _EDGE))
                upright = picture.convert("RGBA")
                # White behind it: a JPEG has no transparency.
                behind = Image.new("RGBA", upright.size, "white")
                sheet.paste(Image.alpha_composite(behind, upright), (left, top + _CAPTION))
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= min(_LARGEST, _LARGEST_EACH * len(thumbnails)):
            break
    return data
