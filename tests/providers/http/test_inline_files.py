"""Base64 taken out of an answer while it arrives: read afterwards, it is what a plain reader would see."""

from __future__ import annotations

import base64
import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.providers.http.decoding import base64_bytes, json_documents
from imagegen_nb.providers.http.inline_files import InlineFiles

LONG = st.builds(
    lambda size, seed: random.Random(seed).randbytes(size), st.integers(3_060, 5_000), st.integers(0)
)
TEXTS = st.one_of(
    st.text(max_size=40),
    LONG.map(lambda data: base64.b64encode(data).decode()),
    LONG.map(lambda data: base64.urlsafe_b64encode(data).decode()),
    LONG.map(lambda data: base64.b64encode(data).decode().rstrip("=")),
    LONG.map(lambda data: base64.encodebytes(data).decode()),
    LONG.map(lambda data: "data:image/png;base64," + base64.b64encode(data).decode()),
    LONG.map(lambda data: base64.b64encode(data).decode() + "=="),
    st.builds(
        lambda data, at, odd: (text := base64.b64encode(data).decode())[:at] + odd + text[at:],
        LONG,
        st.integers(0, 4_000),
        st.sampled_from(["=", "==", "-", '"', "\\", "\n", "é", " ", "/", "AAAA"]),
    ),
)
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from(["b64_json", "x", 'q"']), TEXTS, max_size=3), max_size=4)


def fed(body: bytes, size: int, new_path=None, secrets=()) -> InlineFiles:
    inline = InlineFiles(new_path, secrets)
    for start in range(0, len(body), size):
        inline.feed(body[start : start + size])
    inline.close()
    return inline


def put_back(value, files):
    """A document with bytes for its images, by their tokens or decoded now."""
    if isinstance(value, dict):
        return {key: put_back(inner, files) for key, inner in value.items()}
    if isinstance(value, list):
        return [put_back(inner, files) for inner in value]
    if isinstance(value, str) and value in files:
        return files[value].read() if isinstance(files[value], ReceivedFile) else files[value]
    return value


def alike(value, plain):
    """Whether a value put back is what a plain reader sees: a long string may be bytes already."""
    if isinstance(value, bytes):
        return value == base64_bytes(plain)
    if isinstance(value, dict):
        return value.keys() == plain.keys() and all(alike(value[key], plain[key]) for key in value)
    if isinstance(value, list):
        return len(value) == len(plain) and all(map(alike, value, plain))
    return value == plain


@given(DOCUMENTS, st.integers(50, 9_000), st.booleans(), st.booleans())
def test_whatever_comes_is_read_as_a_plain_reader_reads_it(
    tmp_path_factory, document, size, in_files, escaped
):
    folder = tmp_path_factory.mktemp("inline")
    numbers = iter(range(10_000))
    body = json.dumps(document, ensure_ascii=escaped).encode()
    inline = fed(body, size, (lambda: folder / str(next(numbers))) if in_files else None)
    (value,), flaws = json_documents(inline.text)
    assert flaws == []
    assert alike(put_back(value, inline.files), document)
    assert len(list(folder.iterdir())) == (len(inline.files) if in_files else 0)


@given(st.binary(max_size=6_000), st.integers(1, 700))
def test_what_is_no_json_stays_as_it_came(body, size):
    """Long runs of base64 between quotes apart, which are decoded wherever they stand."""
    inline = fed(body, size)
    restored = inline.text
    for token, data in inline.files.items():
        restored = restored.replace(token.encode(), base64.b64encode(data))
    assert restored == body


@given(LONG, st.integers(50, 5_000), st.integers(0, 7_000))
def test_an_image_without_an_end_is_none_and_what_came_before_it_stays(data, size, cut):
    text = base64.b64encode(data).decode()
    whole = json.dumps({"a": text, "b": "kept", "c": text}).encode()
    body = whole[: whole.rindex(b'"c": "') + 6 + min(cut, len(text))]
    inline = fed(body, size)
    (value,), flaws = json_documents(inline.text)
    assert flaws
    assert alike(put_back(value, inline.files), {"a": text, "b": "kept"})


def test_an_image_is_written_as_it_arrives_and_no_text_is_kept(tmp_path):
    data = bytes(range(256)) * 4_000
    body = json.dumps({"b64_json": base64.b64encode(data).decode()}).encode()
    inline = InlineFiles(lambda: tmp_path / "one")
    inline.feed(body[: len(body) // 2])
    assert (tmp_path / "one").stat().st_size > len(data) // 3
    assert len(inline.text) < 100
    inline.feed(body[len(body) // 2 :])
    inline.close()
    (came,) = [file.read() for file in inline.files.values()]
    assert came == data
    del inline
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0, 5_000, 8_997])
def test_an_image_with_the_key_in_it_stays_text_where_it_is_masked(tmp_path, at):
    secret = "a-key-in-use"
    data = bytearray(9_009)
    data[at : at + len(secret)] = secret.encode()
    text = base64.b64encode(data)
    inline = fed(b'{"b64_json": "' + text + b'"}', 1_000, lambda: tmp_path / "one", [secret])
    assert inline.files == {}
    assert text in inline.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [700, 1_000_000])
def test_an_escaped_quote_behind_base64_does_not_end_the_string(size):
    long = base64.b64encode(bytes(range(256)) * 20).decode()
    document = {"said": f'{long}"{long}"{long}', "b64_json": long}
    inline = fed(json.dumps(document).encode(), size)
    (value,), flaws = json_documents(inline.text)
    assert flaws == []
    assert value["said"] == document["said"]
    assert list(inline.files) == [value["b64_json"]]


def test_many_short_strings_in_one_piece_are_read_in_one_go():
    """A replayed answer comes in one piece: none of it is copied for every string in it."""
    body = json.dumps(["ab"] * 400_000).encode()
    assert fed(body, len(body)).text == body


def test_what_was_no_image_is_called_by_its_size_where_somebody_reads_it():
    inline = fed(json.dumps({"message": "A" * 5_000}).encode(), 700)
    assert re.fullmatch(rb'{"message": "\[3,750 bytes of base64, [0-9a-f]{16}-0]"}', inline.text)
