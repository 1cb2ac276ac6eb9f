"""The text on an image: the prompt on a panel, a caption, and the EMULATED badge.

Pillow's built-in font covers Latin only; a run of other characters shows as one empty box. Bytes stay equal
across machines because the basic layout is used, whatever shaping library is installed. Lines are broken here
because `ImageText.Text.wrap`, new in Pillow 12.2, raises on a word wider than the line.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from imagegen_nb.emulator.rendering.drawing import Drawing

#: No image shows more characters of a prompt than this, so nothing longer is ever measured.
LONGEST_SHOWN: Final = 420
#: Font size at which words are measured once; other sizes follow by proportion.
_MEASURED_SIZE: Final = 64
_ELLIPSIS: Final = "\u2026"
_MISSING_GLYPH: Final = "\u25a1"
#: Font sizes tried for the prompt, largest first, in thousandths of the image's scale.
_PROMPT_SIZES: Final = (66, 58, 51, 45, 40, 36, 32, 28)
_LINE_HEIGHT: Final = 1.28
_BADGE: Final = "EMULATED"
#: Typographic characters the font lacks, by their plain relatives; accents are dropped by decomposition.
_PLAIN: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-",
                               "\u2014": "-", "\u2012": "-", "\u2212": "-", "\u00d7": "x"})  # fmt: skip


class TextBlock(NamedTuple):
    """Wrapped text with the font size (pixels) it fits at."""

    lines: list[str]
    size: int


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The built-in font at `size` pixels."""
    default = ImageFont.load_default(size=max(6, size))
    assert isinstance(default, ImageFont.FreeTypeFont)
    return default.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _has_glyph(character: str) -> bool:
    """Whether the font draws something else than for a code point that is never assigned."""
    font = _font(24)
    return bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


@lru_cache(maxsize=4096)
def _measure(text: str) -> float:
    return _font(_MEASURED_SIZE).getlength(text)


def printable(text: str) -> str:
    """`text` on one line: no control, format or surrogate characters; unknown runs become one box."""
    shown: list[str] = []
    plain = unicodedata.normalize("NFKD", text[: LONGEST_SHOWN * 4].translate(_PLAIN))
    for character in plain:
        category = unicodedata.category(character)
        if character.isspace() or category == "Cc":
            shown.append(" ")
        elif category in ("Cf", "Mn", "Me"):
            continue
        elif category not in ("Cs", "Cn", "Co") and _has_glyph(character):
            shown.append(character)
        elif not shown or shown[-1] != _MISSING_GLYPH:
            shown.append(_MISSING_GLYPH)
    line = " ".join("".join(shown).split())
    too_long = len(line) > LONGEST_SHOWN or len(text) > LONGEST_SHOWN * 4
    return line[:LONGEST_SHOWN].rstrip() + _ELLIPSIS if too_long else line


def fit_text(text: str, width: float, height: float, scale: float) -> TextBlock:
    """Wrap `text` into a box (pixels) at the largest size that fits; at the smallest, the end may be cut."""
    block = TextBlock([], 0)
    for thousandths in _PROMPT_SIZES:
        size = max(9, round(scale * thousandths / 1000))
        block = TextBlock(_wrap(text, width * _MEASURED_SIZE / size), size)
        if len(block.lines) * size * _LINE_HEIGHT <= height:
            return block
    lines = block.lines[: max(1, int(height / (block.size * _LINE_HEIGHT)))]
    lines[-1] = lines[-1][:-1].rstrip(" ,.;:" + _ELLIPSIS) + _ELLIPSIS
    return TextBlock(lines, block.size)


def _wrap(text: str, width: float) -> list[str]:
    """Lines no wider than `width` (at the measuring size), each as full as possible."""
    lines: list[str] = []
    line, line_width, space = "", 0.0, _measure(" ")
    for word in text.split(" "):
        for piece in _break_word(word, width):
            piece_width = _measure(piece)
            if line and line_width + space + piece_width > width:
                lines.append(line)
                line, line_width = "", 0.0
            if line:
                line, line_width = f"{line} {piece}", line_width + space + piece_width
            else:
                line, line_width = piece, piece_width
    return [*lines, line]


def _break_word(word: str, width: float) -> list[str]:
    """The word, in pieces where it is wider than a line."""
    if _measure(word) <= width:
        return [word]
    pieces, piece, piece_width = [], "", 0.0
    for character in word:
        character_width = _measure(character)
        if piece and piece_width + character_width > width:
            pieces.append(piece)
            piece, piece_width = "", 0.0
        piece, piece_width = piece + character, piece_width + character_width
    return [*pieces, piece]


def draw_text(image: Image.Image, drawing: Drawing) -> None:
    """Draw prompt, caption and badge onto `image`, in place."""
    width, height = image.size
    scale = min((width * height) ** 0.5, width * 1.15, height * 1.9)
    margin, padding = scale * 0.055, scale * 0.045
    text_width = width - 2 * margin - 2 * padding
    caption = drawing.caption()
    caption_size = _one_line_size(caption, text_width, scale)
    prompt = fit_text(printable(drawing.prompt), text_width, height * 0.36, scale)
    line_height = prompt.size * _LINE_HEIGHT
    panel_height = line_height * len(prompt.lines) + caption_size * 2.2 + 2 * padding
    top = height - margin - panel_height
    panel = (margin, top, width - margin, height - margin)
    _draw_panel(image, panel, scale * 0.028, (8, 10, 22, 150))
    draw, left = ImageDraw.Draw(image), margin + padding
    for number, line in enumerate(prompt.lines):
        position = (left, top + padding + number * line_height)
        draw.text(position, line, font=_font(prompt.size), fill=(255, 255, 255))
    position = (left, height - margin - padding)
    draw.text(position, caption, font=_font(caption_size), fill=(214, 220, 235), anchor="ls")
    _draw_badge(image, margin, scale)


def _one_line_size(caption: str, width: float, scale: float) -> int:
    """A font size that keeps the caption on one line."""
    return max(6, int(min(scale * 0.026, width / _measure(caption) * _MEASURED_SIZE)))


def _draw_badge(image: Image.Image, margin: float, scale: float) -> None:
    size = max(9, round(scale * 0.028))
    font, gap = _font(size), size * 0.16
    advances = [font.getlength(character) + gap for character in _BADGE]
    width, height = sum(advances) - gap + size * 1.8, size * 2.1
    badge = (margin, margin, margin + width, margin + height)
    _draw_panel(image, badge, height / 2, (255, 196, 46, 255))
    draw, x, y = ImageDraw.Draw(image), margin + size * 0.9, margin + height / 2
    for character, advance in zip(_BADGE, advances, strict=True):
        draw.text((x, y), character, font=font, fill=(34, 24, 0), anchor="lm", stroke_width=0.5)
        x += advance


def _draw_panel(
    image: Image.Image,
    box: tuple[float, float, float, float],
    radius: float,
    colour: tuple[int, int, int, int],
) -> None:
    """A rounded rectangle blended over `image`, its edge smoothed."""
    left, top, right, bottom = (round(value) for value in box)
    size = (max(1, right - left), max(1, bottom - top))
    mask = _rounded(size, round(radius), colour[3])
    if image.mode == "RGBA":
        layer = Image.new("RGBA", size, colour[:3])
        layer.putalpha(mask)
        image.alpha_composite(layer, (left, top))
    else:
        image.paste(colour[:3], (left, top, left + size[0], top + size[1]), mask)


def _rounded(size: tuple[int, int], radius: int, cover: int) -> Image.Image:
    """A mask of a rectangle with round corners. Only the corners are drawn larger and reduced."""
    radius = min(radius, size[0] // 2, size[1] // 2)
    mask = Image.new("L", size, cover)
    if not radius:
        return mask
    disc = Image.new("L", (radius * 4, radius * 4))
    ImageDraw.Draw(disc).ellipse((0, 0, radius * 4 - 1, radius * 4 - 1), fill=cover)
    disc = disc.reduce(2)
    for x, left in ((0, 0), (size[0] - radius, radius)):
        for y, upper in ((0, 0), (size[1] - radius, radius)):
            mask.paste(disc.crop((left, upper, left + radius, upper + radius)), (x, y))
    return mask
