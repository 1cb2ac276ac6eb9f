"""How different two pictures look: NVIDIA's FLIP, at the scale of composition and colour.

FLIP models what an eye notices when two pictures alternate, colour included. It compares place by
place, and no two generations agree in detail; so both pictures are first reduced to 16 pixels on
the longer edge, where what is left is what lies where, in which colours.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from PIL.Image import Image

_EDGE = 16
_BACKGROUNDS = ("black", "white")
_WITHOUT_WHEEL = (
    "comparing pictures by looks needs flip-evaluator, which has no wheel for this Python: use 3.11 to "
    "3.13 or, with a C++ compiler: pip install numpy flip-evaluator"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """`score` is 0 for pictures that look the same and nears 1; `map` shows where, brighter is more."""

    score: float
    map: Image


def plain(picture: Image) -> Image:
    """The picture as RGB, or as RGBA where it has transparency, so that modes can be compared."""
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def difference(baseline: Image, picture: Image) -> Difference:
    """How different two pictures (see `plain`) of about the same shape look.

    Transparent ones are looked at on black and on white, and the worse counts. Raises
    `InvalidOption` when the extra is not installed.
    """
    opaque = baseline.mode == picture.mode == "RGB"
    found = [
        _flip(_on(baseline, background), _on(picture, background))
        for background in (_BACKGROUNDS[:1] if opaque else _BACKGROUNDS)
    ]
    return max(found, key=lambda one: one.score)


def _on(picture: Image, background: str) -> Image:
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, background), picture).convert("RGB")


def _flip(baseline: Image, picture: Image) -> Difference:
    from PIL import Image

    flip, numpy = _libraries()
    scale = _EDGE / max(baseline.size)
    edges = (max(1, round(baseline.width * scale)), max(1, round(baseline.height * scale)))
    small = [
        numpy.asarray(image.resize(edges, Image.Resampling.BOX), dtype=numpy.float32) / 255
        for image in (baseline, picture)
    ]
    colours, score, _ = flip.evaluate(*small, "LDR")
    shades = Image.fromarray((colours.clip(0, 1) * 255).astype("uint8"))
    return Difference(float(score), shades.resize(baseline.size, Image.Resampling.NEAREST))


def _libraries() -> tuple[Any, Any]:
    try:
        import flip_evaluator
        import numpy
    except ImportError:
        # The extra leaves it out where there is no wheel: it would have to be compiled.
        if sys.version_info >= (3, 14):
            problem = _WITHOUT_WHEEL
        else:
            problem = f"comparing pictures needs the testing extra: {install_command('testing')}"
        raise InvalidOption(problem) from None
    return flip_evaluator, numpy
