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
#: The rings of the sun, the largest first: size in radii of the sun, and how much of the sky it hides.
_RINGS: Final = ((2.9, 0.1), (2.2, 0.14), (1.55, 0.2))
#: Rows of the sky that are worked out; those between are made of them.
_SKY_COLOURS: Final = 256
#: Pixels from one point of a crest to the next.
_STEP: Final = 4
#: A crest is drawn in strips of about this many pixels: the mask of a strip need not be high.
_STRIP_WIDTH: Final = 64


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
    return _paint((drawing.width, drawing.height), _SeededNumbers(drawing.seed()), drawing.transparent)


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
    column = Image.new("RGB", (1, _SKY_COLOURS))
    column.putdata([_mix(top, horizon, (row / _SKY_COLOURS) ** 1.15) for row in range(_SKY_COLOURS)])
    # First to the height, where colours between are wanted, then to the width, where all are equal.
    return column.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def _sun(image: Image.Image, numbers: _SeededNumbers, hue: float) -> None:
    width, height = image.size
    across, down = width * numbers.between(0.6, 0.84), height * numbers.between(0.2, 0.34)
    radius = min(width, height) * numbers.between(0.1, 0.15)
    light = _colour(hue + numbers.between(-0.04, 0.04), 0.16, 1.0)
    # The rings are faint, so their edges need no smoothing; the disc's does.
    _discs(image, light, (across, down), [(radius * growth, share) for growth, share in _RINGS], smoothing=1)
    _discs(image, light, (across, down), [(radius, 1.0)], smoothing=_OVERSAMPLING)


def _discs(
    image: Image.Image,
    colour: _Colour,
    centre: tuple[float, float],
    discs: list[tuple[float, float]],
    smoothing: int,
) -> None:
    """Discs of one colour around one centre, the largest first: radius, and how much each hides."""
    x, y = centre
    reach = discs[0][0]
    left, upper = math.floor(x - reach), math.floor(y - reach)
    box = (left, upper, math.ceil(x + reach) + 1, math.ceil(y + reach) + 1)
    mask, draw = _mask(box, smoothing)
    covered = 0.0
    for radius, share in discs:  # one mask serves: a disc lies on the larger ones
        covered += share * (1 - covered)
        circle = (x - radius - left, y - radius - upper, x + radius - left, y + radius - upper)
        draw.ellipse([edge * smoothing for edge in circle], fill=round(255 * covered))
    _blend(image, colour, mask.reduce(smoothing), box)


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
            for x, u in ((x, x / width * math.tau) for x in range(0, width + _STEP, _STEP))
        ]
        for start in range(0, len(crest) - 1, _STRIP_WIDTH // _STEP):
            _hill(image, colour, crest[start : start + _STRIP_WIDTH // _STEP + 1])


def _hill(image: Image.Image, colour: _Colour, crest: list[tuple[int, float]]) -> None:
    """One strip of a hill: a mask for its smooth edge, and one colour down to the foot of the image."""
    left, right = crest[0][0], min(image.width, crest[-1][0])
    heights = [y for _, y in crest]
    upper, foot = math.floor(min(heights)), min(image.height, math.ceil(max(heights)) + 1)
    box = (left, upper, right, foot)
    mask, draw = _mask(box, _OVERSAMPLING)
    edge = [((x - left) * _OVERSAMPLING, (y - upper) * _OVERSAMPLING) for x, y in crest]
    draw.polygon([(0, mask.height), *edge, (mask.width, mask.height)], fill=255)
    _blend(image, colour, mask.reduce(_OVERSAMPLING), box)
    image.paste(colour, (left, foot, right, image.height))


def _mask(box: _Box, oversampling: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty mask for a shape within `box`, so much larger, and what draws on it."""
    left, upper, right, lower = box
    mask = Image.new("L", ((right - left) * oversampling, (lower - upper) * oversampling))
    return mask, ImageDraw.Draw(mask)


def _blend(image: Image.Image, colour: _Colour, cover: Image.Image, box: _Box) -> None:
    """Lay `colour` over `image` within `box`, as far as the mask `cover` covers it."""
    if image.mode == "RGB":
        image.paste(colour, box, cover)
        return
    layer = Image.new("RGBA", cover.size, colour)
    layer.putalpha(cover)
    inside = (max(0, box[0]), max(0, box[1]))
    layer = layer.crop((inside[0] - box[0], inside[1] - box[1], *layer.size))
    image.alpha_composite(layer, inside)
