"""Packed answers: the bytes decide, as far as they came, and within the bound."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.providers.http.content_encoding import unpack

CAP = 1 << 20
LOGGED = b"2026-11-27 10:00:00 INFO ready, in a log's own words\n{}"


@given(st.binary(max_size=3_000), st.sampled_from(["gzip", "x-gzip", "GZIP", "identity, gzip", "", "br"]))
def test_gzip_is_unpacked_whatever_the_label(data, label):
    assert unpack(gzip.compress(data), label, CAP) == data


@given(st.binary(min_size=1, max_size=3_000), st.integers(-15, 15).filter(lambda w: abs(w) >= 9))
def test_deflate_is_unpacked_with_and_without_its_header(data, window):
    packer = zlib.compressobj(wbits=window)
    packed = packer.compress(data) + packer.flush()
    looks_plain = packed.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b"<", b":")
    assert unpack(packed, "deflate", CAP) == (packed if looks_plain else data)


@pytest.mark.parametrize("label", ["gzip", "deflate", "br", "utf-8", "none", "aws-chunked", "identity", ""])
@pytest.mark.parametrize("plain", [b'{"a": 1}', b"[1]", b"data: x\n\n", b"<html>", b"", LOGGED])
def test_what_is_plain_stays_plain(plain, label):
    assert unpack(plain, label, CAP) == plain


def test_members_are_unpacked_one_after_the_other():
    assert unpack(gzip.compress(b"one ") + gzip.compress(b"two") + b"rest", "gzip", CAP) == b"one two"


@given(st.binary(min_size=100, max_size=3_000), st.integers(0, 3_000))
def test_what_is_cut_is_unpacked_as_far_as_it_came(data, length):
    unpacked = unpack(gzip.compress(data)[: 11 + length], "gzip", CAP)
    assert unpacked is not None
    assert data.startswith(unpacked)


@pytest.mark.parametrize("data", [b"\x8b\x04 packed", b"\xce\xb2\xcf\x81"])
def test_what_nothing_here_unpacks_is_none(data):
    assert unpack(data, "br", CAP) is None
    assert unpack(data, "zstd", CAP) is None


def test_a_bomb_is_cut_a_byte_past_the_bound():
    bomb = gzip.compress(bytes(50_000_000))
    assert len(unpack(bomb, "gzip", CAP) or b"") == CAP + 1
