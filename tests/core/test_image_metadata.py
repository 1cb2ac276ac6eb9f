"""What files say beside their pixels: applied, carried over or named as lost, and never a reason to fail."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageOps
from support.images import arrow, chunk, cmyk_profile, exif, jpeg_with, picture

from imagegen_nb.core import image_metadata, images

ORIENTATIONS = range(2, 9)
KINDS = ("PNG", "JPEG", "WEBP")
STORED = ("image/png", "image/jpeg", "image/webp")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d" made="by AI"/></x:xmpmeta>'
CREDENTIALS = (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x40jumb\0\0\0\x20jumdc2pa")
HEADER_OF_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {"quality": 95}), **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def turned(orientation: int) -> Image.Image:
    """The arrow as a camera stores it, so that `orientation` turns it upright."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = arrow()
    stored.info["exif"] = exif(inverse)
    return ImageOps.exif_transpose(stored)


def looks_like_the_arrow(image: Image.Image) -> bool:
    if image.size != (48, 32):
        return False
    shown = image.convert("RGB")
    corners = [shown.getpixel(at) for at in ((4, 4), (40, 3), (3, 28), (40, 28))]
    names = [max(range(3), key=colour.__getitem__) if min(colour) < 100 else "white" for colour in corners]
    return names == [0, 2, 1, "white"]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# Which way is up


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_reader_gives_the_picture_upright(kind, orientation):
    data = saved(turned(orientation), kind, exif=exif(orientation, Make="Apple", Model="iPhone 17"))
    checked = images.check(data)
    assert checked.data == data
    assert (checked.width, checked.height) == (48, 32)
    assert looks_like_the_arrow(images.decode(data))
    assert looks_like_the_arrow(opened(images.thumbnail(data)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store_as", STORED)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_picture_in_another_format_is_turned_once(kind, store_as, orientation):
    data = saved(turned(orientation), kind, exif=exif(orientation, Make="Apple"))
    checked = images.check(data, store_as=store_as)
    assert (checked.width, checked.height) == (48, 32)
    assert looks_like_the_arrow(images.decode(checked.data))
    again = opened(checked.data)
    assert again.getexif()[ExifTags.Base.Make] == "Apple"
    if checked.data != data:
        assert looks_like_the_arrow(again)
        assert again.getexif().get(ExifTags.Base.Orientation, 1) == 1
    assert checked.lost == ()


def test_xmp_alone_can_say_which_way_is_up():
    data = jpeg_with(saved(turned(6), "JPEG"), (0xE1, HEADER_OF_XMP + XMP % 6))
    assert looks_like_the_arrow(images.decode(data))
    checked = images.check(data, store_as="image/png")
    assert looks_like_the_arrow(images.decode(checked.data))
    assert b'made="by AI"' in checked.data
    assert b"Orientation" not in checked.data


@pytest.mark.parametrize("orientation", [0, 9, 77, 65_535])
def test_an_orientation_that_is_none_turns_nothing(orientation):
    data = saved(arrow(), "JPEG", exif=exif(orientation))
    assert looks_like_the_arrow(images.decode(data))
    assert looks_like_the_arrow(opened(images.check(data, store_as="image/png").data))


# What the colours mean


@pytest.mark.parametrize(
    ("profile", "dark"), [(cmyk_profile(), True), (b"", False), (b"rubbish" * 40, False)]
)
def test_cmyk_becomes_rgb_as_its_profile_means_it_and_without_it(profile, dark):
    data = saved(Image.new("CMYK", (16, 16), (0, 0, 255, 0)), "JPEG", icc_profile=profile)
    checked = images.check(data, store_as="image/png")
    for image in (opened(checked.data), opened(images.thumbnail(data))):
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info
        assert (sum(image.getpixel((8, 8))) < 150) is dark
    assert checked.lost == (("its colour profile, which does not fit it",) if b"rubbish" in profile else ())


@pytest.mark.parametrize("with_marker", [True, False])
def test_adobes_inverted_cmyk_is_not_seen_as_a_negative(with_marker):
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    adobe = data.index(b"\xff\xee")
    assert data[adobe + 4 : adobe + 9] == b"Adobe"
    if not with_marker:
        data = data[:adobe] + data[adobe + 2 + int.from_bytes(data[adobe + 2 : adobe + 4], "big") :]
    red, green, blue = opened(images.check(data, store_as="image/png").data).getpixel((8, 8))
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_profile_that_fits_is_kept_with_the_pixels_as_they_are(mode):
    profile = srgb() if mode == "RGB" else b""
    data = saved(arrow().convert(mode), "JPEG", icc_profile=profile)
    image = opened(images.check(data, store_as="image/png").data)
    assert image.mode == mode
    assert image.tobytes() == opened(data).tobytes()
    assert image.info.get("icc_profile", b"") == profile


@pytest.mark.parametrize(("mode", "profile"), [("RGB", cmyk_profile()), ("L", srgb()), ("L", cmyk_profile())])
def test_a_profile_of_another_colour_space_is_left_out_and_told(mode, profile):
    checked = images.check(saved(arrow().convert(mode), "JPEG", icc_profile=profile), store_as="image/png")
    assert "icc_profile" not in opened(checked.data).info
    assert checked.lost == ("its colour profile, which does not fit it",)


def test_a_thumbnail_is_in_srgb_and_no_larger_for_a_profile():
    profile = srgb() + bytes(60_000)
    small = images.thumbnail(saved(arrow(), "PNG", icc_profile=profile))
    assert len(small) < 2_000
    assert "icc_profile" not in opened(small).info


@pytest.mark.parametrize("store_as", ["image/jpeg", "image/webp"])
def test_sixteen_bits_keep_their_brightness(store_as):
    grey = Image.new("I;16", (16, 16), 20_000)
    checked = images.check(saved(grey, "PNG"), store_as=store_as)
    for data in (checked.data, images.thumbnail(saved(grey, "PNG"))):
        assert opened(data).convert("L").getpixel((8, 8)) == pytest.approx(20_000 / 257, abs=3)
    assert checked.lost == ("8 of its 16 bits",)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("store_as", STORED)
@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparency_and_turning_go_together(kind, store_as, mode):
    image = turned(6).convert("RGBA")
    image.putalpha(200)
    if mode != "RGBA":
        image = image.convert(mode) if kind == "PNG" else image
    data = saved(image, kind, exif=exif(6))
    checked = images.check(data, store_as=store_as)
    assert images.decode(checked.data).size == (48, 32)
    assert images.check(checked.data).has_alpha is (store_as != "image/jpeg")
    assert opened(images.thumbnail(data)).size == (48, 32)


# What is lost, and told


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ((CREDENTIALS,), ("its content credentials (C2PA)",)),
        (((0xEB, b"JP\0\1jumb of something else"),), ("its JUMBF data",)),
        (((0xED, b"Photoshop 3.0\0" + bytes(20)),), ("its IPTC data",)),
        (((0xE2, b"MPF\0" + bytes(20)),), ("its further frames",)),
        (((0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(20)),), ("the extension of its XMP data",)),
        (((0xE1, HEADER_OF_XMP + b"\xff\xfe\xff"),), ("its XMP data, which cannot be read",)),
        (((0xE1, b"Exif\0\0rubbish"),), ("its EXIF data, which cannot be read",)),
        (((0xFE, b"made by hand"),), ("its comment",)),
        (((0xE1, HEADER_OF_XMP + XMP % 1),), ()),
        (((0xE1, exif(1, Make="xAI")),), ()),
        (
            (CREDENTIALS, CREDENTIALS, (0xFE, b"x")),
            ("its content credentials (C2PA)", "its comment"),
        ),
        ((), ()),
    ],
)
def test_what_another_format_does_not_keep_is_told(segments, told):
    data = jpeg_with(picture("JPEG"), *segments)
    assert images.check(data, store_as="image/png").lost == told
    kept = images.check(data)
    assert (kept.data, kept.lost) == (data, ())


def test_credentials_of_png_and_webp_are_told_too():
    png = picture("PNG")
    png = png[:33] + chunk(b"caBX", b"jumbc2pa") + png[33:]
    body = picture("WEBP")[12:] + b"C2PA\4\0\0\0jumb"
    webp = b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
    for data, store_as in ((png, "image/webp"), (webp, "image/png")):
        assert images.check(data, store_as=store_as).lost == ("its content credentials (C2PA)",)
        assert images.check(data).data == data


def test_further_frames_are_told():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert images.check(data, store_as="image/png").lost == ("its further frames",)


# What is damaged beside the picture


def damaged_metadata(kind: str, block: bytes) -> list[bytes]:
    """Files with whole pixels, and `block` in every place where metadata stands."""
    data = picture(kind)
    if kind == "PNG":
        return [data[:33] + chunk(name, block) + data[33:] for name in (b"eXIf", b"iCCP", b"caBX")] + [
            data[:33] + chunk(b"eXIf", block)[:-4] + b"\0\0\0\0" + data[33:]  # a wrong checksum
        ]
    if kind == "JPEG":
        heads = (
            b"Exif\0\0",
            HEADER_OF_XMP,
            b"ICC_PROFILE\0",
            b"MPF\0",
            b"Photoshop 3.0\0",
            b"JP",
            b"Adobe",
            b"",
        )
        markers = (0xE1, 0xE1, 0xE2, 0xE2, 0xED, 0xEB, 0xE5, 0xFE)
        return [jpeg_with(data, (m, head + block)) for m, head in zip(markers, heads, strict=True)]
    files = []
    for name, flag in ((b"EXIF", 8), (b"XMP ", 4), (b"ICCP", 32)):
        extended = b"VP8X" + (10).to_bytes(4, "little") + bytes([flag, 0, 0, 0, 63, 0, 0, 47, 0, 0])
        held = name + len(block).to_bytes(4, "little") + block + bytes(len(block) % 2)
        parts = (held, data[12:]) if name == b"ICCP" else (data[12:], held)
        body = b"WEBP" + extended + b"".join(parts)
        files.append(b"RIFF" + len(body).to_bytes(4, "little") + body)
    return files


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of EXIF data that is corrupt
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100)
@given(
    block=st.binary(max_size=60)
    | st.binary(max_size=40).map(lambda tail: b"MM\0*\0\0\0\x08" + tail)
    | st.integers(8, 60).map(lambda end: exif(6, Make="Apple", Software="iOS 26")[6 : 6 + end])
    | st.binary(max_size=40).map(lambda tail: b"x\0\0" + tail)
)
def test_damaged_metadata_never_fails_a_picture(kind, block):
    for data in damaged_metadata(kind, block):
        checked = images.check(data)
        assert checked.data == data
        assert sorted((checked.width, checked.height)) == [48, 64]
        assert images.decode(data).size in ((64, 48), (48, 64))
        assert images.thumbnail(data)
        for store_as in STORED:
            assert images.check(images.check(data, store_as=store_as).data).media_type == store_as


def test_a_file_without_metadata_has_none_to_take_away():
    for kind in KINDS:
        assert image_metadata.without_metadata(picture(kind)) is None


def test_any_bytes_can_be_searched_for_metadata():
    dice = random.Random(1)
    for kind in KINDS:
        for _ in range(300):
            data = bytearray(picture(kind, (8, 8)))
            data[dice.randrange(len(data))] = dice.randrange(256)
            image_metadata.without_metadata(bytes(data[: dice.randrange(len(data))]))
