from __future__ import annotations

import pytest
from PIL import Image, ImageChops
from support.emulated import picture

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render


@pytest.mark.parametrize("form", ["png", "webp"])
def test_transparent(form):
    image = picture(render(Drawing("m", "a fox", 1024, 1024, form, transparent=True)))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)


def test_indexes_differ_visibly():
    first, second = (
        picture(render(Drawing("m", "a fox", 1024, 1024, "png", index=i, count=2))) for i in (0, 1)
    )
    difference = ImageChops.difference(first, second).convert("L").resize((1, 1), Image.Resampling.BOX)
    assert difference.getpixel((0, 0)) > 4
