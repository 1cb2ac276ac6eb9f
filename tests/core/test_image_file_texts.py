"""Words in image files: written beside the picture, and read by Pillow, which knows nothing of us."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.images import chunk, exif, jpeg_with, picture

from imagegen_nb.core import image_file_texts, image_metadata, xmp

SIGNED = Path(__file__).parents[1] / "support" / "signed_images"
SPACE = "urn:example#"
PREFIXES = {SPACE: "ex"}
PROPERTIES = {f"{SPACE}step": '{"a": "é <&> 🦊"}'}
PARAMETERS = "A fox, é 🦊\nSize: 1x1, Model: m, Version: v"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
KINDS = ("PNG", "JPEG", "WEBP")


def told(data, properties=PROPERTIES, parameters=PARAMETERS):
    return image_file_texts.with_texts(data, properties, PREFIXES, parameters)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def description(image):
    found = image.getxmp()["xmpmeta"]["RDF"]["Description"]
    return {
        key: value for one in (found if isinstance(found, list) else [found]) for key, value in one.items()
    }


def comment(image):
    """The user's comment as the specification has it, in the byte order that AUTOMATIC1111 reads."""
    raw = image.getexif().get_ifd(EXIF_IFD)[USER_COMMENT]
    assert raw.startswith(b"UNICODE\0")
    return raw[8:].decode("utf-16-be")


PICTURES = {
    "png": picture("PNG"),
    "png with alpha": picture("PNG", mode="RGBA"),
    "png with a palette": picture("PNG", mode="P"),
    "jpeg": picture("JPEG"),
    "grey jpeg": picture("JPEG", mode="L"),
    "webp": picture("WEBP"),
    "webp with alpha": picture("WEBP", mode="RGBA"),
    "lossless webp": saved(Image.open(io.BytesIO(picture(mode="RGBA"))), "WEBP", lossless=True),
    "lossless webp without alpha": saved(Image.open(io.BytesIO(picture())), "WEBP", lossless=True),
    "odd size": picture("WEBP", (33, 7)),
}


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
def test_pillow_reads_what_is_written_and_the_picture_is_the_same(data):
    result = told(data)
    image, before = opened(result), opened(data)
    assert (image.size, image.mode, image.tobytes()) == (before.size, before.mode, before.tobytes())
    assert description(image)["step"] == PROPERTIES[f"{SPACE}step"]
    if image.format == "PNG":
        assert image.text["parameters"] == PARAMETERS
    else:
        assert comment(image) == PARAMETERS
    # Not decoded and encoded again: without the words every byte of the picture is as it was.
    if image.format == "JPEG":
        assert result.endswith(data[20:])
    elif image.format == "PNG":
        assert result.endswith(data[data.index(b"IDAT") :])
    else:
        stream = data[12:] if data[12:16] != b"VP8X" else data[30:]
        assert stream in result
    read = image_file_texts.read(result)
    assert (read.parameters, xmp.read(read.packet)) == (PARAMETERS, PROPERTIES)


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGBA", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True})],
    ids=["lossy", "lossy with alpha", "lossless", "lossless with alpha"],
)
def test_the_header_of_a_webp_is_as_the_formats_own_library_writes_it(mode, options):
    image = opened(picture(mode=mode))
    theirs = saved(image, "WEBP", xmp=xmp.written(PROPERTIES, PREFIXES), exif=exif(), **options)
    assert theirs[12:16] == b"VP8X"
    assert told(saved(image, "WEBP", **options))[12:30] == theirs[12:30]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_file_said_stays(kind):
    options = {"exif": exif(6, Make="xAI", Software="theirs"), "icc_profile": None}
    packet = xmp.written({f"{SPACE}theirs": "1", f"{SPACE}step": "theirs"}, PREFIXES)
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
        options["pnginfo"].add_text("Title", "fox")
    else:
        options["xmp"] = packet
    image = opened(told(saved(opened(picture()), kind, **options)))
    assert image.getexif()[0x010F] == "xAI"
    assert image_metadata.orientation(image) == 6
    said = xmp.read(image_file_texts.read(told(saved(opened(picture()), kind, **options))).packet)
    assert said == {f"{SPACE}theirs": "1", f"{SPACE}step": "theirs"}
    if kind == "PNG":
        assert image.text["Title"] == "fox"


@pytest.mark.parametrize("kind", KINDS)
def test_told_twice_a_file_says_it_once(kind):
    once = told(picture(kind))
    assert told(once, parameters="other") == once or xmp.read(
        image_file_texts.read(told(once, parameters="other")).packet
    ) == xmp.read(image_file_texts.read(once).packet)
    assert image_file_texts.read(told(once, parameters="other")).parameters == PARAMETERS


@pytest.mark.parametrize("path", sorted(SIGNED.glob("*.[!m]*")), ids=lambda path: path.name)
def test_a_file_with_content_credentials_is_not_touched(path):
    assert told(path.read_bytes()) is None


def test_exif_data_that_would_not_stay_the_same_is_not_touched():
    data = Image.Exif()
    data.get_ifd(EXIF_IFD)[0x927C] = b"a maker's note"
    assert told(saved(opened(picture()), "JPEG", exif=data.tobytes())) is None
    assert told(saved(opened(picture()), "WEBP", exif=data.tobytes())) is None


TOO_LONG = {f"{SPACE}step": "x" * 66_000}
PACKET = xmp.written(PROPERTIES, PREFIXES)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(picture("JPEG"), (0xE2, b"MPF\0" + bytes(20))),
        jpeg_with(picture("JPEG"), (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(20))),
        jpeg_with(picture("JPEG"), (0xE1, XMP_HEAD + PACKET), (0xE1, XMP_HEAD + PACKET)),
        jpeg_with(picture("JPEG"), (0xE1, XMP_HEAD + b"<rubbish")),
        jpeg_with(picture("JPEG"), (0xE1, b"Exif\0\0rubbish")),
        picture("PNG")[:-12] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET) + picture("PNG")[-12:],
        picture("WEBP") + b"more",
        picture("PNG")[:33],
        picture("WEBP")[:20],
        b"GIF89a",
        b"",
    ],
)
def test_a_file_that_cannot_take_it_is_not_touched(data):
    assert told(data) is None


def test_what_is_too_long_for_a_jpeg_fits_the_others():
    assert told(picture("JPEG"), TOO_LONG) is None
    assert told(picture("JPEG"), parameters="x" * 66_000) is None
    assert told(picture("PNG"), TOO_LONG)
    assert told(picture("WEBP"), TOO_LONG, "x" * 66_000)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"UNICODE\0" + "a fox é".encode("utf-16-be"), "a fox é"),
        (b"UNICODE\0" + "a fox é".encode("utf-16-le"), "a fox é"),
        (b"UNICODE\0" + codecs.BOM_UTF16_BE + "a fox é".encode("utf-16-be"), "a fox é"),
        (b"UNICODE\0" + codecs.BOM_UTF16_LE + "a fox é".encode("utf-16-le"), "a fox é"),
        (b"ASCII\0\0\0a fox", "a fox"),
        (bytes(8) + "é".encode(), "é"),
        (b"no kind at all", "no kind at all"),
    ],
)
def test_comments_are_read_in_each_of_their_encodings(raw, text):
    data = Image.Exif()
    data.get_ifd(EXIF_IFD)[USER_COMMENT] = raw
    assert image_file_texts.read(saved(opened(picture()), "JPEG", exif=data.tobytes())).parameters == text


@pytest.mark.parametrize("order", ["II", "MM"])
def test_a_comment_that_does_not_show_its_order_has_that_of_the_exif_data(order):
    codec = {"II": "utf-16-le", "MM": "utf-16-be"}[order]
    data = Image.Exif()
    data.endian = {"II": "<", "MM": ">"}[order]
    data.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + "雪中狐狸".encode(codec)
    raw = data.tobytes()
    assert raw.removeprefix(b"Exif\0\0").startswith(order.encode())
    assert image_file_texts.read(saved(opened(picture()), "JPEG", exif=raw)).parameters == "雪中狐狸"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_comment_has_the_order_of_its_exif_data_for_those_who_go_by_it(kind, order):
    """PHP and Exiv2 do; AUTOMATIC1111 takes the most significant byte first, whatever the data says."""
    data = Image.Exif()
    data.endian = order
    data[0x013B], data[0x011A], data.get_ifd(EXIF_IFD)[0x829A] = "Ann", 72.5, 0.01
    whole = told(saved(opened(picture()), kind, exif=data.tobytes()))
    raw = opened(whole).info["exif"].removeprefix(b"Exif\0\0")
    assert raw.startswith(b"MM")
    again = opened(whole).getexif()
    assert again.get_ifd(EXIF_IFD)[USER_COMMENT][8:].decode("utf-16-be") == PARAMETERS
    assert (again[0x013B], again[0x011A], again.get_ifd(EXIF_IFD)[0x829A]) == ("Ann", 72.5, 0.01)


def test_exif_data_that_pillow_would_write_otherwise_stays_as_it_is():
    data = Image.Exif()
    data[0x013B] = "Anna Berg"
    raw = data.tobytes().replace(b"Anna Berg", "Änn Berg".encode())
    assert told(saved(opened(picture()), "JPEG", exif=raw)) is None, "a side file has the words then"


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_a_text_is_none(kind):
    """A download that broke off: a step out of it would make another picture."""
    whole = told(picture(kind))
    for end in range(8, whole.index(picture(kind)[-20:])):
        found = image_file_texts.read(whole[:end])
        assert found.parameters in (None, image_file_texts.read(whole).parameters)


def test_keywords_of_other_tools_are_told():
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "{}")
    assert image_file_texts.read(saved(opened(picture()), "PNG", pnginfo=info)).keywords == {"workflow"}


@settings(max_examples=100)
@given(st.sampled_from([told(picture(kind, (4, 4))) for kind in KINDS]), st.binary(max_size=60), st.data())
def test_nothing_is_raised_whatever_the_bytes(whole, noise, data):
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + noise + whole[at + data.draw(st.sampled_from([0, len(noise)])) :]
    image_file_texts.read(damaged)
    told(damaged)
