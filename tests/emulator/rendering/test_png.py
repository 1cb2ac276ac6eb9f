from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from imagegen_nb.emulator.rendering.png import encode_png

NOISE = Image.effect_noise((97, 61), 90)
PICTURES = {
    "RGB": Image.merge("RGB", [NOISE, NOISE.rotate(180), NOISE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]),
    "RGBA": Image.merge("RGBA", [NOISE, NOISE, NOISE.rotate(180), NOISE]),
}


@pytest.mark.parametrize("mode", PICTURES)
@pytest.mark.parametrize("size", [(97, 61), (1, 1), (1, 61), (97, 1)])
def test_a_decoder_finds_the_same_pixels(mode, size):
    image = PICTURES[mode].crop((0, 0, *size))
    content = encode_png(image)
    Image.open(io.BytesIO(content)).verify()  # every checksum
    with Image.open(io.BytesIO(content)) as decoded:
        assert (decoded.format, decoded.mode, decoded.size) == ("PNG", mode, size)
        assert decoded.tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", PICTURES)
def test_rows_are_not_filtered(mode):
    image = PICTURES[mode]
    content = encode_png(image)
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    rows = zlib.decompress(content[start + 4 : start + 4 + length])
    step = image.width * len(mode) + 1
    assert len(rows) == step * image.height
    assert set(rows[::step]) == {0}


def test_what_a_drawing_never_is():
    with pytest.raises(KeyError, match="L"):
        encode_png(NOISE)
