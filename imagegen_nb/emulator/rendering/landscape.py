"""The background of an image: a sky of two colours, a sun with rings, and layers of hills."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from imagegen_nb.emulator.rendering.drawing import Drawing

_Colour = tuple[int, int, int]

#: Shapes are drawn this much larger and reduced: the cheapest smooth edge Pillow offers.
_OVERSAMPLING: Final = 2
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
    large = (drawn[0] * _OVERSAMPLING, drawn[1] * _OVERSAMPLING)
    image = _paint(large, _SeededNumbers(drawing.seed()), drawing.transparent).reduce(_OVERSAMPLING)
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)


def _paint(size: tuple[int, int], numbers: _SeededNumbers, transparent: bool) -> Image.Image:
    hue = numbers.between()
    far = (hue + numbers.between(0.07, 0.17) * (1 if numbers.between() < 0.5 else -1)) % 1.0
    top, horizon = _colour(hue, 0.62, 0.36), _colour(far, 0.5, 0.93)
    image = Image.new("RGBA" if transparent else "RGB", size, (*horizon, 0) if transparent else top)
    if not transparent:
        _sky(image, top, horizon)
    _sun(image, numbers, far)
    _hills(image, numbers, hue, far)
    return image


def _colour(hue: float, saturation: float, value: float) -> _Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(first: _Colour, second: _Colour, share: float) -> _Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sky(image: Image.Image, top: _Colour, horizon: _Colour) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for row in range(0, height, _OVERSAMPLING):  # both rows of a reduced pixel get one colour
        colour = _mix(top, horizon, (row / height) ** 1.15)
        draw.rectangle((0, row, width, row + _OVERSAMPLING - 1), fill=colour)


def _sun(image: Image.Image, numbers: _SeededNumbers, hue: float) -> None:
    width, height = image.size
    across, down = width * numbers.between(0.6, 0.84), height * numbers.between(0.2, 0.34)
    radius = min(width, height) * numbers.between(0.1, 0.15)
    light = _colour(hue + numbers.between(-0.04, 0.04), 0.16, 1.0)
    draw = ImageDraw.Draw(image, "RGBA")
    for growth, alpha in ((2.9, 26), (2.2, 36), (1.55, 52), (1.0, 255)):
        reach = radius * growth
        draw.ellipse((across - reach, down - reach, across + reach, down + reach), fill=(*light, alpha))


def _hills(image: Image.Image, numbers: _SeededNumbers, hue: float, far: float) -> None:
    """Four silhouettes, paler with distance, each the sum of two sine waves."""
    width, height = image.size
    draw = ImageDraw.Draw(image)
    near_colour, far_colour = _colour(hue, 0.7, 0.16), _colour(far, 0.5, 0.74)
    for layer in range(4):
        nearness = layer / 3
        base = height * (0.46 + 0.14 * layer)
        swell = height * numbers.between(0.035, 0.075)
        phase, waves = numbers.between(0, math.tau), numbers.between(0.7, 1.6) * max(1.0, width / height)
        crest = [
            (x, base - swell * (math.sin(phase + waves * u) + 0.45 * math.sin(2.3 * phase + 2.7 * waves * u)))
            for x, u in ((x, x / width * math.tau) for x in range(0, width + 8, 8))
        ]
        draw.polygon([(0, height), *crest, (width, height)], fill=_mix(far_colour, near_colour, nearness))
