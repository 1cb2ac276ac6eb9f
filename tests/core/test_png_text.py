"""Texts of a PNG, against those that Pillow writes and reads."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.images import packed_zeros, picture

from imagegen_nb.core import png_text
from imagegen_nb.core.image_file_parts import parts


def texts_of(data):
    file = io.BytesIO(data)
    return [
        (png_text.keyword(content := part.read(file, part.size)), png_text.read(part.name, content))
        for part in parts(file)
        if part.name in png_text.CHUNKS
    ]


@pytest.mark.parametrize("is_compressed", [False, True])
def test_what_pillow_writes_is_read(is_compressed):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "plain é", zip=is_compressed)
    info.add_itxt("other", "a fox 🦊", "en", "Anderes", zip=is_compressed)
    buffer = io.BytesIO()
    Image.new("L", (2, 2)).save(buffer, "PNG", pnginfo=info)
    assert texts_of(buffer.getvalue()) == [("parameters", "plain é"), ("other", "a fox 🦊")]


def test_utf_8_where_the_standard_wants_latin_1_is_read():
    """As LykosAI/StabilityMatrix#1535 and ImageMagick write it."""
    assert png_text.read(b"tEXt", "parameters\0テスト, é".encode()) == "テスト, é"
    assert png_text.read(b"zTXt", b"a\0\0" + zlib.compress("é".encode())) == "é"
    assert png_text.read(b"tEXt", b"a\0caf\xe9 \xc3") == "café Ã"


@given(st.text(st.characters(codec="utf-8"), max_size=50) | st.text(st.sampled_from("Ã©é a"), max_size=9))
def test_what_is_written_is_read_back(text):
    file = io.BytesIO(picture("PNG")[:33] + png_text.chunk("parameters", text))
    part = list(parts(file))[-1]
    assert png_text.read(part.name, part.read(file, part.size)) == text


@pytest.mark.parametrize("text", ["plain é", "a fox 🦊", "", "not Ã©"])
def test_pillow_reads_what_is_written(text):
    png = picture("PNG")
    image = Image.open(io.BytesIO(png[:33] + png_text.chunk("parameters", text) + png[33:]))
    assert image.text == {"parameters": text}


def test_a_compressed_text_is_inflated_within_bounds_only():
    bomb = packed_zeros(100_000_000)
    assert len(bomb) < 100_000
    assert png_text.read(b"zTXt", b"a\0\0" + bomb) is None
    assert png_text.read(b"iTXt", b"a\0\1\0\0\0" + bomb) is None
    assert png_text.read(b"tEXt", b"a\0" + bytes(png_text.LARGEST + 1)) is None


@given(st.sampled_from([*png_text.CHUNKS, b"IDAT"]), st.binary(max_size=100))
def test_nothing_is_raised_whatever_the_bytes(name, content):
    png_text.read(name, content)
    png_text.keyword(content)
