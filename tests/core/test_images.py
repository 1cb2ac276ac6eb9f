"""Bytes somebody sent: whole PNG, JPEG and WebP images pass, everything else is `ImageRejected`."""

from __future__ import annotations

import io
import random
import struct
import time
from contextlib import suppress
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from support.images import chunk, illustration, packed_zeros, picture, png_claiming

from imagegen_nb.core import images
from imagegen_nb.errors import ImageRejected

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
FILES = {kind: picture(kind) for kind in TYPES}


# What passes


@pytest.mark.parametrize("kind", TYPES)
def test_a_whole_image_passes_and_keeps_its_bytes(kind):
    checked = images.check(FILES[kind])
    assert checked.data == FILES[kind]
    assert (checked.media_type, checked.width, checked.height) == (TYPES[kind], 64, 48)
    assert checked.note == ""


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_pixel_mode_a_format_can_hold_passes_and_has_a_thumbnail(kind, mode):
    buffer = io.BytesIO()
    try:
        Image.linear_gradient("L").convert(mode).save(buffer, kind)
    except (OSError, ValueError):
        pytest.skip(f"{kind} has no {mode}")
    data = buffer.getvalue()
    assert images.check(data).width == 256
    assert images.sniff(images.thumbnail(data)) == "image/webp"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("declared", [None, "image/png", "image/jpeg", "image/webp", "text/html", "nonsense"])
def test_only_a_declared_image_type_that_is_another_is_noted(kind, declared):
    checked = images.check(FILES[kind], declared=declared)
    assert checked.media_type == TYPES[kind]
    if declared in TYPES.values() and declared != TYPES[kind]:
        assert checked.note == f"declared {declared}, the bytes are {TYPES[kind]}"
    else:
        assert checked.note == ""


@pytest.mark.parametrize(
    ("kind", "mode", "alpha"),
    [
        *[("PNG", "RGBA", True), ("WEBP", "RGBA", True), ("PNG", "LA", True), ("PNG", "RGB", False)],
        *[("WEBP", "RGB", False), ("JPEG", "RGB", False), ("PNG", "L", False), ("JPEG", "CMYK", False)],
    ],
)
def test_transparency_is_told(kind, mode, alpha):
    assert images.check(picture(kind, mode=mode)).has_alpha is alpha


def test_a_palette_with_a_transparent_colour_counts_as_transparency():
    buffer = io.BytesIO()
    Image.new("P", (8, 8)).save(buffer, "PNG", transparency=0)
    assert images.check(buffer.getvalue()).has_alpha is True


# What does not


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\n  <html><body>\x89PNG\r\n\x1a\n", "HTML"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (picture("GIF"), "GIF"),
        (b'{"error": "no"}', "JSON"),
        (picture("BMP"), "something else"),
        (picture("TIFF"), "something else"),
        (picture("ICO"), "something else"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "something else"),
        (b"RIFF\x00\x00\x00\x00WAVE", "something else"),
        (b" " + FILES["PNG"], "something else"),
    ],
)
def test_other_bytes_are_rejected_and_described(data, said):
    with pytest.raises(ImageRejected, match="not a PNG, JPEG or WebP") as caught:
        images.check(data)
    assert said in str(caught.value)


def test_a_rejection_never_repeats_the_bytes():
    with pytest.raises(ImageRejected) as caught:
        images.check(b"sk-canary-in-the-body-0123456789 and more")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("keep", [0.02, 0.1, 0.3, 0.6, 0.9])
def test_a_truncated_image_is_rejected(kind, keep):
    data = illustration(1, (256, 256)) if kind == "JPEG" else picture(kind, (256, 256))
    with pytest.raises(ImageRejected):
        images.check(data[: max(4, int(len(data) * keep))])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("missing", [1, 2, 4, 8, 12])
def test_an_image_without_its_last_bytes_is_rejected(kind, missing):
    with pytest.raises(ImageRejected):
        images.check(FILES[kind][:-missing])


@pytest.mark.parametrize("kind", TYPES)
def test_a_signature_alone_is_rejected(kind):
    with pytest.raises(ImageRejected):
        images.check(FILES[kind][:12])


@pytest.mark.parametrize(
    ("width", "height"),
    [(images.MOST_PIXELS + 1, 1), (10_000, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)],
    ids=["just above the cap", "100 Mpx", "900 Mpx", "the largest there is"],
)
def test_too_many_pixels_are_rejected_unread_and_said_so(width, height):
    start = time.thread_time()
    with pytest.raises(ImageRejected, match="pixels"):
        images.check(png_claiming(width, height))
    assert time.thread_time() - start < 1


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 5), (5, 0)])
def test_an_image_without_pixels_is_rejected(width, height):
    with pytest.raises(ImageRejected):
        images.check(png_claiming(width, height))


def test_too_many_bytes_are_rejected_before_decoding(monkeypatch):
    monkeypatch.setattr(images, "LARGEST_FILE", 100)
    with pytest.raises(ImageRejected, match="at most 100"):
        images.check(FILES["PNG"])


def test_a_bomb_in_a_text_chunk_is_rejected():
    packed = packed_zeros(200_000_000)
    data = FILES["PNG"]
    header_end = 8 + 25
    bomb = data[:header_end] + chunk(b"zTXt", b"c\0\0" + packed) + data[header_end:]
    start = time.thread_time()
    with pytest.raises(ImageRejected):
        images.check(bomb)
    assert time.thread_time() - start < 1


def test_a_rejection_keeps_no_exception_of_the_decoder():
    with pytest.raises(ImageRejected) as caught:
        images.check(FILES["PNG"][:60])
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.filterwarnings("default")  # decoders may warn about what they then reject
@pytest.mark.parametrize("kind", TYPES)
def test_damaged_bytes_pass_or_are_rejected_and_raise_nothing_else(kind):
    dice = random.Random(kind)
    for _ in range(300):
        data = bytearray(FILES[kind])
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(data))
            change = dice.randrange(4)
            if change == 0:
                data[at] = dice.randrange(256)
            elif change == 1:
                del data[at : at + dice.randrange(1, 40)]
            elif change == 2:
                data[at:at] = dice.randbytes(dice.randrange(1, 40))
            else:
                data[at : at + 4] = struct.pack(">I", dice.choice([0, 1, 2**31 - 1, 2**32 - 1]))
            if not data:
                break
        with suppress(ImageRejected):
            images.check(bytes(data))
            images.thumbnail(bytes(data))


@settings(max_examples=100)
@given(st.sampled_from([data[:16] for data in FILES.values()]), st.binary(max_size=200))
def test_random_bytes_behind_a_signature_are_rejected(signature, rest):
    with pytest.raises(ImageRejected):
        images.check(signature + rest)


# Transcoding


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_stored_as_png_pixel_for_pixel(mode):
    source = picture("JPEG", mode=mode)
    checked = images.check(source, store_as="image/png")
    assert checked.media_type == images.sniff(checked.data) == "image/png"
    with Image.open(io.BytesIO(source)) as before, Image.open(io.BytesIO(checked.data)) as after:
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    assert (checked.width, checked.height) == (64, 48)


def test_what_is_already_of_the_wanted_type_keeps_its_bytes():
    assert images.check(FILES["PNG"], store_as="image/png").data == FILES["PNG"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("wanted", TYPES.values())
def test_any_image_can_be_stored_as_any_type(mode, wanted):
    checked = images.check(picture("PNG", mode=mode), store_as=wanted)
    assert images.sniff(checked.data) == checked.media_type == wanted


def test_transcoding_keeps_transparency():
    checked = images.check(picture("WEBP", mode="RGBA"), store_as="image/png")
    assert checked.has_alpha
    assert images.check(checked.data).has_alpha


# Thumbnails


@pytest.mark.parametrize("size", [(2048, 1024), (1024, 2048), (300, 300), (4000, 10)])
def test_a_thumbnail_is_a_small_webp_of_the_same_shape(size):
    with Image.open(io.BytesIO(images.thumbnail(picture("PNG", size)))) as small:
        assert small.format == "WEBP"
        assert max(small.size) == 256
        assert small.width == pytest.approx(size[0] * 256 / max(size), abs=1)
        assert small.height == pytest.approx(size[1] * 256 / max(size), abs=1)


def test_a_small_image_is_not_enlarged():
    with Image.open(io.BytesIO(images.thumbnail(FILES["PNG"]))) as small:
        assert small.size == (64, 48)


def test_a_thumbnail_keeps_transparency():
    assert images.check(images.thumbnail(picture("PNG", (512, 512), "RGBA"))).has_alpha


@cache
def noise(mode: str = "RGB") -> bytes:
    """A picture no encoder can do much with."""
    buffer = io.BytesIO()
    noise = [Image.effect_noise((1024, 1024), 200) for _ in mode]
    Image.merge(mode, noise).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [images.STATIC, images.LIVE])
@pytest.mark.parametrize(
    "make",
    [noise, partial(noise, "RGBA"), partial(illustration, 3), partial(picture, "PNG", (4000, 3000))],
)
def test_a_thumbnail_keeps_to_its_bytes_whatever_the_picture(size, make):
    assert 0 < len(images.thumbnail(make(), size)) <= size.largest


def test_a_thumbnail_beside_a_kernel_is_sharp_on_two_pixels_for_one():
    with Image.open(io.BytesIO(images.thumbnail(illustration(3), images.LIVE))) as small:
        assert small.size == (512, 512)


@pytest.mark.parametrize(
    "make", [noise, partial(noise, "RGBA"), partial(illustration, 3), lambda: FILES["PNG"]]
)
def test_what_is_proven_without_decoding_is_what_decoding_proves(make, monkeypatch):
    data, loads = make(), []
    monkeypatch.setattr(PngImageFile, "load", lambda self: loads.append(self) or Image.Image.load(self))
    proven = images.check(data)
    assert loads == []
    monkeypatch.undo()
    monkeypatch.setattr(images.png_proof, "is_whole", lambda data: False)
    assert images.check(data) == proven


@pytest.mark.parametrize("reads", [images.check, images.decode, images.thumbnail])
def test_every_reader_rejects_alike(reads):
    for data in (b"", b"<html>", FILES["PNG"][:50]):
        with pytest.raises(ImageRejected):
            reads(data)


def test_the_bytes_stay_out_of_the_repr():
    assert "PNG" not in repr(images.check(FILES["PNG"]))
