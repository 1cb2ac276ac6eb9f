"""Thumbnails side by side in one JPEG."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from imagegen_nb.core import images
from imagegen_nb.core.contact_sheet import contact_sheet


def thumbnail(colour: str = "teal", size: tuple[int, int] = (256, 170), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    assert images.sniff(data) == "image/jpeg"
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 4, 2), (24, 4, 6)]
)
def test_four_stand_in_a_row(count, columns, rows):
    sheet = opened(contact_sheet([thumbnail()] * count))
    assert (sheet.width // 240, sheet.height // 180) == (columns, rows)


def test_a_row_is_as_high_as_its_highest_picture():
    wide, tall = thumbnail(size=(256, 128)), thumbnail(size=(128, 256))
    captions = 18 + 6
    assert opened(contact_sheet([wide] * 4)).height == 120 + captions + 6
    assert opened(contact_sheet([wide] * 4 + [tall])).height == 120 + 240 + 2 * captions + 6
    assert opened(contact_sheet([wide, None])).height == 120 + captions + 6


@pytest.mark.parametrize("size", [(256, 256), (256, 24), (24, 256)])
def test_each_keeps_its_shape_and_its_place(size):
    sheet = opened(contact_sheet([thumbnail("red", size), None, thumbnail("blue", size)]))
    # Where the first and the last begin; a JPEG's colours run at edges.
    red, _, blue = (sheet.getpixel((6 + number * 246, 24)) for number in range(3))
    assert red[0] > red[2] + 60
    assert blue[2] > blue[0] + 60
    empty = sheet.getpixel((6 + 246 + 90, 24 + 8))
    assert all(100 < part < 140 for part in empty)  # neither dark nor white, as the page may be either


def test_what_is_transparent_is_white():
    sheet = opened(contact_sheet([thumbnail("#ff000000", mode="RGBA")]))
    assert min(sheet.getpixel((90, 90))) > 250


def test_a_picture_of_noise_stays_small():
    noise = random.Random(1).randbytes(256 * 256 * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (256, 256), noise).save(buffer, "PNG")
    small = images.thumbnail(buffer.getvalue())
    assert len(contact_sheet([small] * 4)) < 40_000
