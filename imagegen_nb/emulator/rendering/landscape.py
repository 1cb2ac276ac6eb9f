"""The background of an image: a sky of two colours, a sun with rings, and layers of hills."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from imagegen_nb.emulator.rendering.drawing import Drawing

_Colour = tuple[int, int, int]
_Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels."""

#: Masks of shapes are drawn this much larger and reduced: the cheapest smooth edge Pillow offers.
_OVERSAMPLING: Final = 2
#: The sun and its rings, the largest first: size in radii of the sun, and how much of the sky it hides.
_RINGS: Final = ((2.9, 0.1), (2.2, 0.14), (1.55, 0.2), (1.0, 1.0))
#: Beyond this many pixels the landscape is drawn smaller and enlarged; the text is always drawn full size.
_FULL_SIZE_PIXELS: Final = 1_600_000


class _SeededNumbers:
    """A short reproducible sequence of numbers, made from a digest."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._position = 0

    def between(self, low: float = 0.0, high: float = 1.0) -> float:
        """The next number, in low..high; repeats after 16."""
        pair = self._digest[self._position : self._position + 2]
        self._position = (self._position + 2) % len(self._digest)
        return low + (high - low) * int.from_bytes(pair, "big") / 65535


def paint_landscape(drawing: Drawing) -> Image.Image:
    """The landscape of `drawing`: RGB, or RGBA with a clear sky when transparent."""
    size = (drawing.width, drawing.height)
    shrink = math.sqrt(_FULL_SIZE_PIXELS / (size[0] * size[1]))
    drawn = size if shrink >= 1 else (round(size[0] * shrink), round(size[1] * shrink))
    image = _paint(drawn, _SeededNumbers(drawing.seed()), drawing.transparent)
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)


def _paint(size: tuple[int, int], numbers: _SeededNumbers, transparent: bool) -> Image.Image:
    hue = numbers.between()
    far = (hue + numbers.between(0.07, 0.17) * (1 if numbers.between() < 0.5 else -1)) % 1.0
    top, horizon = _colour(hue, 0.62, 0.36), _colour(far, 0.5, 0.93)
    image = Image.new("RGBA", size, (*horizon, 0)) if transparent else _sky(size, top, horizon)
    _sun(image, numbers, far)
    _hills(image, numbers, hue, far)
    return image


def _colour(hue: float, saturation: float, value: float) -> _Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(first: _Colour, second: _Colour, share: float) -> _Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sky(size: tuple[int, int], top: _Colour, horizon: _Colour) -> Image.Image:
    width, height = size
    column = Image.new("RGB", (1, height))
    column.putdata([_mix(top, horizon, (row / height) ** 1.15) for row in range(height)])
    return column.resize((width, height), Image.Resampling.NEAREST)


def _sun(image: Image.Image, numbers: _SeededNumbers, hue: float) -> None:
    width, height = image.size
    across, down = width * numbers.between(0.6, 0.84), height * numbers.between(0.2, 0.34)
    radius = min(width, height) * numbers.between(0.1, 0.15)
    light = _colour(hue + numbers.between(-0.04, 0.04), 0.16, 1.0)
    reach = radius * _RINGS[0][0]
    left, upper = math.floor(across - reach), math.floor(down - reach)
    box = (left, upper, math.ceil(across + reach) + 1, math.ceil(down + reach) + 1)
    mask, draw = _mask(box)
    covered = 0.0
    for growth, share in _RINGS:  # all of one colour, so that one mask serves: a ring lies on the larger ones
        covered += share * (1 - covered)
        reach = radius * growth
        circle = (across - reach - left, down - reach - upper, across + reach - left, down + reach - upper)
        draw.ellipse([edge * _OVERSAMPLING for edge in circle], fill=round(255 * covered))
    _blend(image, light, mask, box)


def _hills(image: Image.Image, numbers: _SeededNumbers, hue: float, far: float) -> None:
    """Four silhouettes, paler with distance, each the sum of two sine waves."""
    width, height = image.size
    near_colour, far_colour = _colour(hue, 0.7, 0.16), _colour(far, 0.5, 0.74)
    for layer in range(4):
        colour = _mix(far_colour, near_colour, layer / 3)
        base = height * (0.46 + 0.14 * layer)
        swell = height * numbers.between(0.035, 0.075)
        phase, waves = numbers.between(0, math.tau), numbers.between(0.7, 1.6) * max(1.0, width / height)
        crest = [
            (x, base - swell * (math.sin(phase + waves * u) + 0.45 * math.sin(2.3 * phase + 2.7 * waves * u)))
            for x, u in ((x, x / width * math.tau) for x in range(0, width + 4, 4))
        ]
        heights = [y for _, y in crest]
        upper, foot = math.floor(min(heights)), min(height, math.ceil(max(heights)) + 1)
        box = (0, upper, width, foot)  # only the crest has an edge; what is below is one colour
        mask, draw = _mask(box)
        edge = [(x * _OVERSAMPLING, (y - upper) * _OVERSAMPLING) for x, y in crest]
        draw.polygon([(0, mask.height), *edge, (mask.width, mask.height)], fill=255)
        _blend(image, colour, mask, box)
        image.paste(colour, (0, foot, width, height))


def _mask(box: _Box) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty mask for a shape within `box`, oversampled, and what draws on it."""
    left, upper, right, lower = box
    mask = Image.new("L", ((right - left) * _OVERSAMPLING, (lower - upper) * _OVERSAMPLING))
    return mask, ImageDraw.Draw(mask)


def _blend(image: Image.Image, colour: _Colour, mask: Image.Image, box: _Box) -> None:
    """Lay `colour` over `image` within `box`, as far as the mask covers it."""
    cover = mask.reduce(_OVERSAMPLING)
    if image.mode == "RGB":
        image.paste(colour, box, cover)
        return
    layer = Image.new("RGBA", cover.size, colour)
    layer.putalpha(cover)
    inside = (max(0, box[0]), max(0, box[1]))
    layer = layer.crop((inside[0] - box[0], inside[1] - box[1], *layer.size))
    image.alpha_composite(layer, inside)
