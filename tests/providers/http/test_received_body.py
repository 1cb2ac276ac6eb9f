"""A body as it arrives: bounded, unpacked where it is packed, without its images where it is not."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.providers.http.received_body import ReceivedBody

IMAGE = bytes(range(256)) * 40
BODY = json.dumps({"b64_json": base64.b64encode(IMAGE).decode(), "other": "x" * 100}).encode()


def received(
    body: bytes, encoding: str = "", cap: int = 1_000_000, size: int = 700, **options
) -> ReceivedBody:
    taken = ReceivedBody(encoding, cap, **options)
    for start in range(0, len(body), size):
        taken.feed(body[start : start + size])
    taken.close()
    return taken


@pytest.mark.parametrize("size", [1, 63, 64, 65, 5_000, 100_000])
@pytest.mark.parametrize("encoding", ["", "identity", " Identity ", "gzip"])
def test_a_plain_body_leaves_its_image_in_a_file_whatever_its_label_says(tmp_path, size, encoding):
    taken = received(BODY, encoding, size=size, new_path=lambda: tmp_path / "one")
    text = taken.text()
    assert text is not None
    if size == 1 and encoding == "gzip":
        return
    (token,) = taken.files
    file = taken.files[token]
    assert isinstance(file, ReceivedFile)
    assert file.read() == IMAGE
    assert json.loads(text) == {"b64_json": token, "other": "x" * 100}


@pytest.mark.parametrize("size", [1, 64, 5_000, 100_000])
def test_without_files_a_body_stays_as_it_came(size):
    taken = received(BODY, size=size)
    assert (taken.text(), taken.files) == (BODY, {})


@pytest.mark.parametrize("size", [1, 2, 64, 5_000])
@pytest.mark.parametrize(
    ("pack", "encoding"),
    [(gzip.compress, "gzip"), (gzip.compress, ""), (zlib.compress, "deflate"), (zlib.compress, "gzip")],
)
def test_a_packed_body_is_unpacked_whether_it_says_so_or_not(tmp_path, pack, encoding, size):
    taken = received(pack(BODY), encoding, size=size, new_path=lambda: tmp_path / "one")
    assert taken.text() == BODY
    assert taken.files == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b"", b"{", b"no", gzip.compress(b"{}", mtime=0), b"x" * 63])
def test_a_short_body_comes_as_it_is(body):
    assert received(body, "gzip" if body.startswith(b"\x1f") else "").text() in (body, b"{}")


def test_an_encoding_nobody_asked_for_is_none():
    assert received(b"\x28\xb5\x2f\xfd" * 100, "zstd").text() is None


def test_more_than_allowed_is_noticed_and_dropped(tmp_path):
    taken = received(BODY, cap=5_000, new_path=lambda: tmp_path / "one")
    assert taken.is_too_large
    assert taken.files == {}
    assert list(tmp_path.iterdir()) == []
    unfolding = received(gzip.compress(b"{" + b" " * 50_000), "gzip", cap=5_000)
    assert not unfolding.is_too_large
    assert len(unfolding.text() or b"") > 5_000
