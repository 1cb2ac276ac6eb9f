"""Images out of line: found, put back to the byte, and held to their names."""

from __future__ import annotations

import base64
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.images import picture

from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import blobs

NOISE = random.Random(1).randbytes(3_000)


def round_trip(tmp_path, body: bytes) -> tuple[str, list[str]]:
    text, found = blobs.extract(body)
    blobs.write(tmp_path, found)
    assert blobs.restore(text, tmp_path) == body
    assert blobs.names_in(text) == set(found)
    return text, sorted(found)


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_an_image_becomes_a_file_one_can_look_at(kind, ending, tmp_path):
    data = picture(kind, size=(300, 300)) + NOISE
    encoded = base64.b64encode(data).decode()
    body = f'{{"data": [{{"b64_json": "{encoded}"}}, {{"b64_json": "{encoded}"}}]}}'.encode()
    text, (name,) = round_trip(tmp_path, body)
    assert name.endswith(f".{ending}")
    assert (tmp_path / "blobs" / name).read_bytes() == data
    assert len(text) < 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_in_the_alphabet_for_addresses_is_a_file_too(kind, tmp_path):
    """Google's SDK sends pictures so."""
    data = picture(kind) + NOISE
    encoded = base64.urlsafe_b64encode(data)
    assert b"-" in encoded
    body = b'{"inlineData": {"data": "' + encoded + b'", "mimeType": "image/png"}}'
    text, (name,) = round_trip(tmp_path, body)
    assert f"@@blob:b64url:{name}@@" in text
    assert (tmp_path / "blobs" / name).read_bytes() == data
    assert len(text) < 200


@pytest.mark.parametrize("beside", [b"a-", b"x_y-", b"-" * 7])
def test_text_with_a_hyphen_beside_a_picture_keeps_none_from_being_a_file(beside, tmp_path):
    encoded = base64.b64encode(NOISE)
    assert b"+" in encoded
    text, found = round_trip(tmp_path, beside + encoded)
    assert len(found) == 1
    assert text.startswith(beside.decode())


def test_a_torn_image_is_kept_up_to_its_last_whole_piece(tmp_path):
    body = b'{"b64_json": "' + base64.b64encode(NOISE)[:-2]
    text, names = round_trip(tmp_path, body)
    assert len(names) == 1
    assert len(text) < 100


def test_what_is_no_text_becomes_one_file(tmp_path):
    _, (name,) = round_trip(tmp_path, b"\xff\xfe" + NOISE)
    assert name.endswith(".bin")


def test_a_prompt_may_look_like_a_placeholder(tmp_path):
    text, names = round_trip(
        tmp_path, b"draw @@blob:b64:0123456789abcdef0123456789abcdef.png@@ and @@blob:as-is@@"
    )
    assert names == []
    assert not blobs.names_in(text)


def test_a_body_is_read_little_by_little_and_changed_around_its_images(tmp_path):
    image = base64.b64encode(random.Random(2).randbytes(400_000))
    body = b'{"a": "x@@blob:y", "b64": "' + image + b'", "b": "xy", "c": "' + image + b'"}'
    text, found = blobs.extract(body)
    blobs.write(tmp_path, found)
    blobs.verify(text, tmp_path)
    pieces = list(blobs.pieces(text, tmp_path, lambda data: data.replace(b"x", b"long")))
    assert b"".join(pieces) == body.replace(b"x@@", b"long@@").replace(b'"xy"', b'"longy"')
    assert max(map(len, pieces)) < len(image) / 4


def test_what_is_no_text_is_changed_too(tmp_path):
    text, found = blobs.extract(b"\xff x")
    blobs.write(tmp_path, found)
    assert b"".join(blobs.pieces(text, tmp_path, lambda data: data.replace(b"x", b"y"))) == b"\xff y"


@settings(deadline=None)  # no assertion on wall time
@given(st.binary(max_size=400), st.text(max_size=50), st.integers(0, 6_000))
def test_every_body_comes_back(raw, text, length):
    run = base64.b64encode(NOISE * 2)[:length]
    for body in (raw, text.encode(errors="replace"), text.encode(errors="replace") + run + raw[:3]):
        with tempfile.TemporaryDirectory() as folder:
            round_trip(Path(folder), body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "hash to"),
        (lambda data: b"", "hash to"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (lambda data: data.replace(b"\n", b"\r\n"), "line endings were converted"),
    ],
)
def test_a_file_that_is_not_itself_says_what_happened(change, words, tmp_path):
    text, (name,) = round_trip(tmp_path, b"\xff\n" + NOISE.replace(b"\r", b""))
    path = tmp_path / "blobs" / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ReplayError, match=rf"blobs/{name} was changed") as caught:
        blobs.restore(text, tmp_path)
    assert words in str(caught.value)


def test_a_missing_file_a_link_and_a_damaged_placeholder(tmp_path):
    text, (name,) = round_trip(tmp_path, b"\xff" + NOISE)
    path = tmp_path / "blobs" / name
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(ReplayError, match=rf"blobs/{name} is missing"):
        blobs.restore(text, tmp_path)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReplayError, match="it is a link, and links are not followed"):
        blobs.restore(text, tmp_path)
    for damaged in ("@@blob:b64:../../etc/passwd@@", "@@blob:raw:/etc/passwd@@", "@@blob:"):
        with pytest.raises(ReplayError, match="placeholder of an image is damaged"):
            blobs.restore(damaged, tmp_path)
