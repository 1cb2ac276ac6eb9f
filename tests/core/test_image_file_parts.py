"""The parts of a file: what stands where, by formats written by Pillow."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.images import jpeg_with, picture

from imagegen_nb.core.image_file_parts import parts

JPEG_WITH_A_COMMENT = jpeg_with(picture("JPEG"), (0xFE, b"hello"))


def listed(data):
    return list(parts(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("data", "first", "last"),
    [
        (picture("PNG"), b"IHDR", b"IEND"),
        (picture("WEBP"), b"VP8 ", b"VP8 "),
        (JPEG_WITH_A_COMMENT, b"\xfe", b"\xc4"),
    ],
    ids=["png", "webp", "jpeg"],
)
def test_they_follow_each_other_without_a_gap(data, first, last):
    found = listed(data)
    assert (found[0].name, found[-1].name) == (first, last)
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert found[-1].end == len(data) or data[found[-1].end : found[-1].end + 2] == b"\xff\xda"


def test_a_part_is_read_as_far_as_one_wants():
    file = io.BytesIO(JPEG_WITH_A_COMMENT)
    comment = next(parts(file))
    assert (comment.read(file, 100), comment.read(file, 2)) == (b"hello", b"he")
    assert JPEG_WITH_A_COMMENT[comment.start : comment.end].endswith(b"hello")


def test_other_files_have_none():
    assert listed(b"GIF89a") == listed(b"") == listed(b"RIFF\0\0\0\0WEBP") == []


@settings(max_examples=100)
@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF\0\0\0\0WEBP"]), st.binary(max_size=300))
def test_they_end_whatever_the_bytes(head, rest):
    found = listed(head + rest)
    assert all(one.start < one.end for one in found)
    assert len(found) <= len(rest)
