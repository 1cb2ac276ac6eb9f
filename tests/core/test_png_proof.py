"""A PNG that is said to be whole decodes; every plain one is said to be, and what is unusual never."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.images import packed_zeros

from imagegen_nb.core.png_proof import is_whole

NOISE = Image.effect_noise((37, 23), 90)
PLAIN = {
    "L": NOISE,
    "LA": Image.merge("LA", [NOISE, NOISE.rotate(180)]),
    "RGB": Image.merge("RGB", [NOISE, NOISE.rotate(180), NOISE]),
    "RGBA": Image.merge("RGBA", [NOISE, NOISE, NOISE.rotate(180), NOISE]),
    "I;16": NOISE.convert("I").point(lambda value: value * 257).convert("I;16"),
}


def png(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def of_rows(rows: bytes, **around) -> bytes:
    """A file with those rows, each with its filter."""
    return of_packed(zlib.compress(rows), **around)


def of_packed(
    packed: bytes, *, before: bytes = b"", after: bytes = b"", size=(2, 2), kind=(8, 2, 0, 0, 0)
) -> bytes:
    """A file with rows that zlib has packed."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, *kind))
    pixels = chunk(b"IDAT", packed)
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND", b"")


def decodes(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
    except Exception:  # noqa: BLE001 - Pillow raises anything
        return False
    return True


ROW = b"\0" + b"abcdef"


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("level", [0, 1, 9])
def test_every_plain_file_is_proven(mode, level):
    assert is_whole(png(PLAIN[mode], compress_level=level))


def test_what_is_said_before_the_pixels_does_not_matter():
    said = PngImagePlugin.PngInfo()
    said.add_text("Software", "a camera")
    said.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    said.add(b"caBX", b"credentials")
    assert is_whole(png(PLAIN["RGB"], pnginfo=said, dpi=(72, 72), exif=b"Exif\0\0rubbish"))


def test_pixels_in_any_number_of_chunks():
    rows = zlib.compress(ROW * 2)
    pieces = b"".join(chunk(b"IDAT", bytes([each])) for each in rows)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    assert is_whole(b"\x89PNG\r\n\x1a\n" + header + pieces + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


LEFT_TO_A_DECODER = {
    "a palette": png(NOISE.convert("P")),
    "one bit": png(NOISE.convert("1")),
    "an animation": png(PLAIN["RGB"], save_all=True, append_images=[PLAIN["RGB"].rotate(90)]),
    "a necessary chunk nobody knows": of_rows(ROW * 2, before=chunk(b"ABCD", b"")),
    "something behind the pixels": of_rows(ROW * 2, after=chunk(b"tEXt", b"a\0b")),
    "interlaced": of_rows(ROW * 2, kind=(8, 2, 0, 0, 1)),
    "something behind the end": png(PLAIN["RGB"]) + b"?",
}
DAMAGED = {
    "a row too many": of_rows(ROW * 3),
    "a row too few": of_rows(ROW),
    "half a row": of_rows(ROW * 2 + b"\0"),
    "a filter that there is not": of_rows(ROW + b"\5abcdef"),
    "no width": of_rows(ROW * 2, size=(0, 2)),
    "three bits": of_rows(ROW * 2, kind=(3, 2, 0, 0, 0)),
    "a header that is too short": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"1234"),
    "no end": png(PLAIN["RGB"])[:-12],
    "no pixels": of_rows(b""),
    "nothing": b"",
    "a JPEG": b"\xff\xd8\xff",
}


@pytest.mark.parametrize("what", LEFT_TO_A_DECODER)
def test_the_unusual_is_left_to_a_decoder(what):
    assert not is_whole(LEFT_TO_A_DECODER[what])


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_damaged_is_not_whole(what):
    assert not is_whole(DAMAGED[what])


def test_zeros_are_packed_as_zlib_packs_them():
    assert zlib.decompress(packed_zeros(10_000_000)) == bytes(10_000_000)


def test_a_bomb_is_inflated_no_further_than_its_header_says():
    bomb = of_packed(packed_zeros(200_000_000))
    assert len(bomb) < 300_000
    assert not is_whole(bomb)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_file_that_was_cut_is_not_whole(cut):
    data = png(PLAIN["RGB"])
    assert not is_whole(data[: -cut * 7])


@given(
    st.sampled_from(sorted(PLAIN)),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_what_is_said_to_be_whole_decodes(mode, changes):
    data = bytearray(png(PLAIN[mode]))
    for place, value in changes:
        data[place % len(data)] = value
    assert not is_whole(bytes(data)) or decodes(bytes(data))


@given(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.integers(0, 17), st.integers(0, 7), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1)),
    st.binary(max_size=40),
    st.booleans(),
)
def test_any_header_over_any_rows(size, kind, rows, fits):
    """Checksums are right here: what is wrong is what they protect."""
    if fits:
        channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(kind[1], 1)
        length = 1 + size[0] * channels * kind[0] // 8
        rows = b"".join(b"\0" + (rows * 40)[: length - 1].ljust(length - 1, b"x") for _ in range(size[1]))
    data = of_rows(rows, size=size, kind=kind)
    assert not is_whole(data) or decodes(data)
