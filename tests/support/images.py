"""Pictures for tests, made on the spot so that no binaries lie in the repository."""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from functools import cache
from importlib.util import find_spec

import pytest
from PIL import Image, ImageDraw

needs_flip = pytest.mark.skipif(
    sys.version_info >= (3, 14) and find_spec("flip_evaluator") is None,
    reason="flip-evaluator has no wheel for Python 3.14, so the extra leaves it out there",
)


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A small whole image file; `kind` is Pillow's name of the format."""
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").resize(size).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(size))
    image.save(buffer, kind)
    return buffer.getvalue()


@cache
def illustration(seed: int, size: tuple[int, int] = (1024, 1024)) -> bytes:
    """A picture with as much detail as an illustration has: sky, many coloured shapes, some texture."""
    dice = random.Random(seed)
    sky = Image.merge("RGB", [Image.radial_gradient("L").resize(size) for _ in "RGB"])
    draw = ImageDraw.Draw(sky)
    for _ in range(150):
        x, y, r = dice.randrange(size[0]), dice.randrange(size[1]), dice.randrange(10, 90)
        colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    grain = Image.effect_noise(size, 12).convert("RGB")
    buffer = io.BytesIO()
    Image.blend(sky, grain, 0.1).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """One PNG chunk with a right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG file that says it is `width` x `height` pixels large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
