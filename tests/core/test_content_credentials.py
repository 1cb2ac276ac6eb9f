"""Content credentials are found in files that C2PA's own library signed, and in no others."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.images import chunk, jpeg_with, picture

from imagegen_nb.core import content_credentials, image_file_texts

SIGNED = Path(__file__).parents[1] / "support" / "signed_images"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"


def has_them(data):
    return content_credentials.are_in(io.BytesIO(data))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("kind", ["signed", "remote"])
def test_they_are_found_where_another_program_put_them(kind, ending):
    assert has_them((SIGNED / f"{kind}.{ending}").read_bytes())


@pytest.mark.parametrize("kind", ["signed", "remote"])
@pytest.mark.parametrize("fill", [1, 2, 3, 5000])
def test_bytes_that_fill_before_a_jpegs_markers_hide_none(kind, fill):
    """Any marker may have them (ISO 10918-1, B.1.1.2), and nothing may be added to such a file either."""
    whole = (SIGNED / f"{kind}.jpg").read_bytes()
    filled = whole[:2] + b"\xff" * fill + whole[2:]
    Image.open(io.BytesIO(filled)).load()
    assert has_them(filled)
    assert (
        image_file_texts.with_texts(filled, {"urn:example#a": "b"}, {"urn:example#": "ex"}, "a fox") is None
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_plain_picture_has_none(kind):
    assert not has_them(picture(kind))


def test_what_only_looks_like_them_does_not_count():
    png, jpeg = picture("PNG"), picture("JPEG")
    assert not has_them(png[:33] + chunk(b"tEXt", b"Comment\0caBX c2pa jumb") + png[33:])
    assert not has_them(jpeg_with(jpeg, (0xEB, b"JP\0\1\0\0\0\1 another kind of JUMBF box c2pa")))
    assert not has_them(jpeg_with(jpeg, (0xFE, b"c2pa")))
    assert not has_them(b"caBX C2PA")
    assert not has_them(b"")


def test_xmp_that_cannot_be_read_counts_if_it_seems_to_name_a_manifest():
    jpeg = picture("JPEG")
    assert has_them(jpeg_with(jpeg, (0xE1, XMP_HEAD + b"<broken dcterms:provenance='https://a'")))
    assert not has_them(jpeg_with(jpeg, (0xE1, XMP_HEAD + b"<broken")))


def test_only_what_may_be_one_is_read():
    """A large picture is gone past, not read."""

    class Watched(io.BytesIO):
        most = 0

        def read(self, size=-1, /):
            self.most = max(self.most, size if size >= 0 else 10**9)
            return super().read(size)

    png = picture("PNG", (1200, 900))
    file = Watched(png)
    assert not content_credentials.are_in(file)
    assert file.most <= 12


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["signed.png", "signed.jpg", "signed.webp"]), st.data())
def test_nothing_is_raised_whatever_the_bytes(noise, name, data):
    whole = (SIGNED / name).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    has_them(whole[:at] + noise + whole[at + len(noise) :])
    has_them(whole[:12] + noise)
