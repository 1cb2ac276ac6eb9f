"""The words on the picture: the prompt on a panel, a caption, and the EMULATED badge.

Pillow's built-in font covers Latin only; a run of other characters shows as one empty box. Bytes stay equal
across machines because the basic layout is used, whatever shaping library is installed.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from imagegen_nb.emulator.rendering.drawing import Drawing

#: No picture shows more of a prompt than this, so nothing longer is ever measured.
LONGEST_SHOWN: Final = 420
#: Size at which words are measured once; other sizes follow by proportion.
MEASURED_AT: Final = 64
ELLIPSIS: Final = "\u2026"
MISSING: Final = "\u25a1"
#: Prompt sizes tried, largest first, in thousandths of the picture's scale.
SIZES: Final = (66, 58, 51, 45, 40, 36, 32, 28)
BADGE: Final = "EMULATED"
#: Typographic characters the font lacks, by their plain relatives; accents are dropped by decomposition.
PLAIN: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-",
                              "\u2014": "-", "\u2012": "-", "\u2212": "-", "\u00d7": "x"})  # fmt: skip


class Block(NamedTuple):
    """Wrapped text with the size (pixels) it fits at."""

    lines: list[str]
    size: int


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The built-in font at `size` pixels."""
    default = ImageFont.load_default(size=max(6, size))
    assert isinstance(default, ImageFont.FreeTypeFont)
    return default.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _covered(character: str) -> bool:
    """Whether the font has a glyph: it draws something else than for a code point that is never assigned."""
    face = font(24)
    return bytes(face.getmask(character)) != bytes(face.getmask("\uffff"))


@lru_cache(maxsize=4096)
def _measure(word: str) -> float:
    return font(MEASURED_AT).getlength(word)


def printable(text: str) -> str:
    """`text` on one line: no control, format or surrogate characters; unknown runs become one box."""
    out: list[str] = []
    plain = unicodedata.normalize("NFKD", text[: LONGEST_SHOWN * 4].translate(PLAIN))
    for character in plain:
        kind = unicodedata.category(character)
        if character.isspace() or kind == "Cc":
            out.append(" ")
        elif kind in ("Cf", "Mn", "Me"):
            continue
        elif kind not in ("Cs", "Cn", "Co") and _covered(character):
            out.append(character)
        elif not out or out[-1] != MISSING:
            out.append(MISSING)
    line = " ".join("".join(out).split())
    cut = len(line) > LONGEST_SHOWN or len(text) > LONGEST_SHOWN * 4
    return line[:LONGEST_SHOWN].rstrip() + ELLIPSIS if cut else line


def fit(text: str, width: float, height: float, scale: float) -> Block:
    """Wrap `text` into a box (pixels) at the largest size that fits; the smallest size may cost the tail."""
    block = Block([], 0)
    for thousandths in SIZES:
        size = max(9, round(scale * thousandths / 1000))
        block = Block(_wrap(text, width * MEASURED_AT / size), size)
        if len(block.lines) * size * 1.28 <= height:
            return block
    keep = max(1, int(height / (block.size * 1.28)))
    lines = block.lines[:keep]
    lines[-1] = lines[-1][:-1].rstrip(" ,.;:" + ELLIPSIS) + ELLIPSIS
    return Block(lines, block.size)


def _wrap(text: str, width: float) -> list[str]:
    """Greedy lines no wider than `width` (at the measuring size); a word too wide is broken."""
    lines: list[str] = []
    line, used, space = "", 0.0, _measure(" ")
    for word in text.split(" "):
        for piece in _pieces(word, width):
            length = _measure(piece)
            if line and used + space + length > width:
                lines.append(line)
                line, used = "", 0.0
            line, used = (f"{line} {piece}", used + space + length) if line else (piece, length)
    return [*lines, line]


def _pieces(word: str, width: float) -> list[str]:
    if _measure(word) <= width:
        return [word]
    pieces, piece, used = [], "", 0.0
    for character in word:
        length = _measure(character)
        if piece and used + length > width:
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + character, used + length
    return [*pieces, piece]


def letter(image: Image.Image, drawing: Drawing) -> None:
    """Draw prompt, caption and badge onto `image`, in place."""
    width, height = image.size
    scale = min((width * height) ** 0.5, width * 1.15, height * 1.9)
    margin, pad = scale * 0.055, scale * 0.045
    caption = drawing.caption() if drawing.stage is None else f"{drawing.caption()}  \u00b7  unfinished"
    small = _caption_size(caption, width - 2 * margin - 2 * pad, scale)
    prompt = fit(printable(drawing.prompt), width - 2 * margin - 2 * pad, height * 0.36, scale)
    line = prompt.size * 1.28
    tall = line * len(prompt.lines) + small * 2.2 + 2 * pad
    top = height - margin - tall
    veil(image, (margin, top, width - margin, height - margin), scale * 0.028, (8, 10, 22, 150))
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(prompt.lines):
        draw.text(
            (margin + pad, top + pad + number * line), text, font=font(prompt.size), fill=(255, 255, 255)
        )
    draw.text(
        (margin + pad, height - margin - pad), caption, font=font(small), fill=(214, 220, 235), anchor="ls"
    )
    _badge(image, margin, scale)


def _caption_size(caption: str, width: float, scale: float) -> int:
    """A size that keeps the caption on one line."""
    return max(6, int(min(scale * 0.026, width / _measure(caption) * MEASURED_AT)))


def _badge(image: Image.Image, margin: float, scale: float) -> None:
    size = max(9, round(scale * 0.028))
    face, gap = font(size), size * 0.16
    widths = [face.getlength(character) + gap for character in BADGE]
    wide, tall = sum(widths) - gap + size * 1.8, size * 2.1
    veil(image, (margin, margin, margin + wide, margin + tall), tall / 2, (255, 196, 46, 255))
    draw, across = ImageDraw.Draw(image), margin + size * 0.9
    for character, step in zip(BADGE, widths, strict=True):
        draw.text(
            (across, margin + tall / 2), character, font=face, fill=(34, 24, 0), anchor="lm", stroke_width=0.5
        )
        across += step


def veil(
    image: Image.Image,
    box: tuple[float, float, float, float],
    radius: float,
    colour: tuple[int, int, int, int],
) -> None:
    """A rounded rectangle blended over `image`, its edge smoothed."""
    left, top, right, bottom = (round(value) for value in box)
    size = (max(1, right - left), max(1, bottom - top))
    mask = Image.new("L", (size[0] * 2, size[1] * 2), 0)
    edge = (0, 0, size[0] * 2 - 1, size[1] * 2 - 1)
    ImageDraw.Draw(mask).rounded_rectangle(edge, radius * 2, fill=colour[3])
    mask = mask.reduce(2)
    if image.mode == "RGBA":
        layer = Image.new("RGBA", size, colour[:3])
        layer.putalpha(mask)
        image.alpha_composite(layer, (left, top))
    else:
        image.paste(colour[:3], (left, top, left + size[0], top + size[1]), mask)
