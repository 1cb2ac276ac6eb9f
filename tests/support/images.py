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
from PIL import ExifTags, Image, ImageDraw

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


def packed_zeros(count: int) -> bytes:
    """`count` zero bytes (a multiple of five million) as zlib packs them, without packing them all."""
    size = 5_000_000
    assert count % size == 0
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)  # refers to nothing before it
    checksum = (count % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + block * (count // size) + packer.flush() + checksum.to_bytes(4, "big")


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG file that says it is `width` x `height` pixels large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def arrow() -> Image.Image:
    """A picture that looks different whichever way it is turned or mirrored."""
    image = Image.new("RGB", (48, 32), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 15, 15), fill="red")
    draw.rectangle((32, 0, 47, 7), fill="blue")
    draw.rectangle((0, 24, 7, 31), fill="green")
    return image


def exif(orientation: int = 1, **tags: str) -> bytes:
    """EXIF data as a camera writes it; `tags` by Pillow's names."""
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = orientation
    for name, value in tags.items():
        data[ExifTags.Base[name]] = value
    return data.tobytes()


def jpeg_with(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """`data` with further segments, each a marker's number and its content, at its beginning."""
    packed = [
        b"\xff" + bytes([marker]) + (len(held) + 2).to_bytes(2, "big") + held for marker, held in segments
    ]
    return data[:2] + b"".join(packed) + data[2:]


def cmyk_profile() -> bytes:
    """A small ICC profile for CMYK, in which any ink is dark, yellow too.

    Its colours are far from those of a plain conversion, so that a test sees which of the two was made.
    """
    corners = bytes(
        channel
        for inks in range(16)  # C, M, Y, K from the highest bit down; L, a and b for each corner
        for channel in ((40, 128, 128) if inks else (255, 128, 128))
    )
    straight = bytes(range(256))
    unit = b"".join(struct.pack(">i", 65_536 * (row == column)) for row in range(3) for column in range(3))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + straight * 4 + corners + straight * 3
    text = b"text" + bytes(4) + b"none\0"
    text += bytes(-len(text) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63_190, 65_536, 54_061)
    tags = {b"desc": text, b"cprt": text, b"wtpt": white, b"A2B0": table + bytes(-len(table) % 4)}
    listed, held = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        listed += name + struct.pack(">II", start + len(held), len(content))
        held += content
    body = struct.pack(">I", len(tags)) + listed + held
    header = struct.pack(">I", 128 + len(body)) + b"lcms" + bytes([2, 0x10, 0, 0]) + b"prtrCMYKLab "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">iii", 63_190, 65_536, 54_061)
    return header + bytes(128 - len(header)) + body
