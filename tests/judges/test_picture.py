from __future__ import annotations

import io

import pytest
from PIL import Image
from support.images import picture

from imagegen_nb.errors import ImageRejected
from imagegen_nb.judges.picture import picture_of


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_jpeg_that_fits_is_sent_as_it_is():
    data = picture("JPEG")
    sent = picture_of(data, 1024)
    assert (sent.data, sent.media_type, sent.width, sent.height) == (data, "image/jpeg", 64, 48)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_any_other_becomes_a_jpeg(kind):
    """xAI takes no WebP; and not every machine gives a PNG the same bytes, by which a cassette finds it."""
    sent = picture_of(picture(kind), 1024)
    assert (sent.media_type, opened(sent.data).format, sent.width) == ("image/jpeg", "JPEG", 64)


@pytest.mark.parametrize(("size", "expected"), [((2000, 1000), (1024, 512)), ((300, 3000), (102, 1024))])
def test_a_large_picture_is_scaled_down_within_the_edge(size, expected):
    sent = picture_of(encoded(Image.new("RGB", size, "teal"), "PNG"), 1024)
    assert (sent.width, sent.height) == opened(sent.data).size == expected


def test_equal_pictures_are_sent_equally():
    """Else a cassette would not find the question again."""
    data = encoded(Image.linear_gradient("L").resize((1500, 1500)).convert("RGB"), "PNG")
    assert picture_of(data, 256).data == picture_of(data, 256).data


def test_what_is_see_through_is_shown_on_white():
    clear = Image.new("RGBA", (2000, 500), (255, 0, 0, 0))
    sent = picture_of(encoded(clear, "PNG"), 512)
    assert all(channel > 250 for channel in opened(sent.data).convert("RGB").getpixel((100, 50)))


def test_a_turned_photo_is_sent_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    sent = picture_of(encoded(Image.new("RGB", (200, 100), "teal"), "JPEG", exif=exif), 1024)
    assert (sent.width, sent.height) == opened(sent.data).size == (100, 200)


@pytest.mark.parametrize("data", [b"", b"no picture", picture("PNG")[:-30], picture("JPEG")[:80]])
def test_what_is_no_whole_picture_is_refused(data):
    with pytest.raises(ImageRejected):
        picture_of(data, 1024)
