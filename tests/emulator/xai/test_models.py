from __future__ import annotations

import pytest
from support.emulated import picture

from imagegen_nb.emulator.xai.models import RATIOS, pixel_size, usd_ticks


def test_ticks():
    assert usd_ticks(5, 1) == 500_000_000
    assert usd_ticks(2, 10) == 2_000_000_000


@pytest.mark.parametrize("ratio", RATIOS)
def test_ratios(post, ratio):
    item = post("xai", aspect_ratio=ratio).json()["data"][0]
    image = picture(item["b64_json"])
    assert item["mime_type"] == "image/jpeg"
    assert (image.format, image.size) == ("JPEG", pixel_size(ratio, "1k"))
    assert image.width % 16 == image.height % 16 == 0
    assert abs(image.width * image.height / 1024**2 - 1) < 0.03


def test_two_k(post):
    item = post("xai", model="grok-imagine-image-2.0", resolution="2k", aspect_ratio="21:9").json()["data"][0]
    assert picture(item["b64_json"]).size == pixel_size("21:9", "2k")
