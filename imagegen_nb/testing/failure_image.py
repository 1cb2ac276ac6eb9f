"""The picture saved beside a failed comparison: baseline, what came, and where they differ."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen_nb.testing import baselines

if TYPE_CHECKING:
    from PIL.Image import Image

_EDGE = 512
"""Pixels of a panel's longer edge."""
_CAPTION = 32
_GAP = 8


def save(folder: Path, name: str, panels: list[tuple[str, Image]]) -> Path:
    """Write the labelled `panels` next to each other; git is told to ignore the folder. Returns where."""
    path = folder / f"{name}.png"
    buffer = io.BytesIO()
    _joined(panels).save(buffer, "PNG")
    baselines.write(path, buffer.getvalue())
    ignore = folder / ".gitignore"
    if not ignore.exists():
        baselines.write(ignore, b"*\n")
    return path


def _joined(panels: list[tuple[str, Image]]) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(15)
    small = [(label, _panel(picture)) for label, picture in panels]
    widths = [max(picture.width, round(font.getlength(label))) for label, picture in small]
    height = max(picture.height for _, picture in small)
    sheet = Image.new("RGB", (sum(widths) + _GAP * (len(small) + 1), height + _CAPTION + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    left = _GAP
    for (label, picture), width in zip(small, widths, strict=True):
        draw.text((left, _GAP), label, fill="black", font=font)
        sheet.paste(picture, (left, _CAPTION))
        left += width + _GAP
    return sheet


def _panel(picture: Image) -> Image:
    """The picture small enough for a panel, on grey where it is transparent."""
    from PIL import Image

    scale = min(1.0, _EDGE / max(picture.size))
    edges = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(edges).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", edges, "grey"), small).convert("RGB")
