"""Decoding: what is around an image costs it nothing, and what is no image stays none."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagegen_nb.providers.http.decoding import base64_bytes, is_event_stream, json_documents

DATA = st.binary(min_size=1, max_size=200)


@given(DATA)
def test_base64_comes_back_whole(data):
    assert base64_bytes(base64.b64encode(data).decode()) == data


@given(DATA, st.data())
def test_wrapped_base64_comes_back_whole(data, draw):
    text = base64.b64encode(data).decode()
    if draw.draw(st.booleans()):
        text = text.translate(str.maketrans("+/", "-_"))
    if draw.draw(st.booleans()):
        text = text.rstrip("=")
    if draw.draw(st.booleans()):
        width = draw.draw(st.integers(1, 76))
        text = "\r\n".join(text[start : start + width] for start in range(0, len(text), width)) + "\n"
    prefix = draw.draw(
        st.sampled_from(
            ["", "data:image/png;base64,", "DATA:;BASE64,", " data:image/jpeg;name=a.jpg;base64,", "\n\t"]
        )
    )
    if "data:" in prefix and draw.draw(st.booleans()):
        text = quote(text, safe="")
    assert base64_bytes(prefix + text) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        None,
        42,
        [],
        {},
        "a",
        "ab=c",
        "YQ==YQ==",
        "YQ–=",
        "data:",
        "data:,YQ==",
        "data:text/plain,hello",
        "data:image/png;base64",
        "data:image/png;base64,",
        "https://host.example/a.png",
        "YQ==\x00",
        "A" * 5,
    ],
)
def test_what_is_not_base64(text):
    assert base64_bytes(text) is None


@pytest.mark.parametrize(
    "address", ["data:", "data:,YQ==", "data:text/plain,hello", "data:image/png;base64", "data:;base64,"]
)
def test_data_addresses_without_base64(address):
    assert base64_bytes(address) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5), st.booleans())
def test_valid_json_is_read_as_it_is(document, ascii_only):
    body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    values, flaws = json_documents(body)
    assert (values, flaws) == ([document], [])


IMAGE = base64.b64encode(bytes(range(256))).decode()


@pytest.mark.parametrize(
    ("odd", "flaw"),
    [
        (rb'"\ud83d"', "a lone surrogate"),
        (rb'"\udc00 and more"', "a lone surrogate"),
        (b"NaN", "NaN"),
        (b"[1, -Infinity]", "-Infinity"),
        (b'"caf\xe9"', "bytes that are not UTF-8"),
        (b'"cut \xe2\x82"', "bytes that are not UTF-8"),
        (b'"\xed\xa0\x80"', "bytes that are not UTF-8"),
        (b'"two\nlines"', "a control character in a text"),
        (b'"tab\t and \x00"', "a control character in a text"),
        (rb'"it\'s"', "an invalid escape"),
        (rb'"C:\users"', "an invalid escape"),
        (b'{"\\ud800": 1}', "a lone surrogate"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_flaw_beside_an_image_is_told_and_costs_nothing(odd, flaw, first):
    image, note = b'"b64_json": "%s"' % IMAGE.encode(), b'"revised_prompt": ' + odd
    body = b'{"data": [{' + b", ".join([note, image] if first else [image, note]) + b"}]}"
    (answer,), flaws = json_documents(body)
    assert answer["data"][0]["b64_json"] == IMAGE
    assert flaws == [flaw]
    json.dumps(answer, ensure_ascii=False).encode()  # can be stored and shown


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (b'\xef\xbb\xbf{"data": 1}', "a byte order mark"),
        ('{"data": 1}'.encode("utf-16"), "the encoding utf-16"),
        (b')]}\'\n{"data": 1}', "text beside the JSON"),
        (b'{"data": 1}\n<!-- served by a proxy -->', "text beside the JSON"),
        (b'{"data": 1, "usage": {"total', "its end is missing"),
    ],
)
def test_a_flaw_around_the_json_is_told(body, flaw):
    (answer,), flaws = json_documents(body)
    assert answer["data"] == 1
    assert flaws == [flaw]


ANSWER = {"created": 1, "data": [{"b64_json": IMAGE}]}
BEFORE = [
    *(
        "[INFO] ready\n",
        "[2026-11-27 10:00:00,123] [WARN] {id}: slow\n",
        "{level=info} {x: 1}\n",
        "[1] [x, {y}]\n",
    ),
    *(")]}',\n", ")]}'", "while(1);", "for(;;);", "&&&START&&&", "{}&& ", "callback(", "```json\n", "2f\r\n"),
    *("// {served}\n", "/* [1] */", "<br />\n<b>Notice</b>: undefined in <b>/a</b>\n", "<!-- x -->", "\0\0"),
    *("C:\\app [a\\d]\n", "data ready:\n", "# 100% {\n"),
]
BEHIND = [
    ");",
    "```",
    "]}}",
    "\n<!-- served by a proxy -->",
    "\0",
    "\r\n0\r\n\r\n",
    " // end",
    "[DONE]",
    "{",
    '"',
    "x,",
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("behind", ["", BEHIND[0], BEHIND[2], BEHIND[4]])
def test_junk_around_an_answer_costs_no_image(before, behind):
    values, flaws = json_documents((before + json.dumps(ANSWER) + behind).encode())
    assert ANSWER in values
    assert "text beside the JSON" in flaws


@given(
    st.sampled_from(BEFORE)
    | st.text(st.characters(codec="utf-8", exclude_characters="{}[]\"'/<"), max_size=30),
    st.sampled_from(BEHIND) | st.text(st.characters(codec="utf-8", exclude_characters=">"), max_size=30),
    st.sampled_from([",", "", ", ,"]),
)
@example("\0", ");", ",")
def test_junk_and_stray_commas_together_cost_no_image(before, behind, comma):
    written = json.dumps(ANSWER)[:-2] + f"{comma}]{comma}}}"
    values, flaws = json_documents((before + written + behind).encode())
    assert ANSWER in values
    if comma:
        assert "a comma too many or too few" in flaws


def test_images_on_both_sides_of_a_damaged_place_are_read():
    body = f'{{"data": [{{"b64_json": "{IMAGE}"}} @@ {{"b64_json": "{IMAGE}"}}]}}'.encode()
    values, flaws = json_documents(body)
    assert values == [{"data": [{"b64_json": IMAGE}]}, {"b64_json": IMAGE}]
    assert "a damaged place" in flaws


def test_a_page_is_no_answer_whatever_it_holds():
    with pytest.raises(ValueError, match="not JSON"):
        json_documents(b'<html><script>{"data": [{"b64_json": "QQ=="}]}</script></html>')


def test_of_hostile_text_only_a_few_values_are_mended():
    values, flaws = json_documents(b'{"a": 1, ' * 100_000)
    assert len(values) == 20
    assert "a damaged place" in flaws


def test_values_in_a_row_are_all_read():
    assert json_documents(b'{"a": 1}\n{"b": 2}\n') == ([{"a": 1}, {"b": 2}], ["several JSON values in a row"])


@given(st.integers(1, 400))
def test_of_an_answer_that_is_cut_the_whole_images_are_read(length):
    whole = json.dumps({"data": [{"b64_json": IMAGE}, {"b64_json": IMAGE}]}).encode()
    values, _ = json_documents(whole[:length])
    images = [item.get("b64_json") for item in values[0].get("data", [])]
    assert images.count(IMAGE) == (length >= len('{"data": [{"b64_json": "') + len(IMAGE) + 1)
    assert set(images) <= {IMAGE, None}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"\xff", b"<html>{}</html>", b"hello", b"42", b"[" * 100_000, b'{"data":' * 3_000),
        b'{"data":' * 400 + b"1" + b"}" * 400,
    ],
)
def test_what_is_not_json(body):
    if body == b"42":
        assert json_documents(body) == ([42], [])
        return
    with pytest.raises(ValueError, match="not JSON"):
        json_documents(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body):
    try:
        values, _ = json_documents(body)
    except ValueError:
        return
    json.dumps(values, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"", "text/event-stream; charset=utf-8", True),
        (b"data: {}\n\n", "application/json", True),
        (b"\xef\xbb\xbfevent: x\n", "", True),
        (b"\n\n: hello\n", "text/plain", True),
        (b"retry: 5\n", "", True),
        (b"data:image/png;base64,AAAA", "application/json", True),
        (b"{}", "application/json", False),
        (b'"data: x"', "", False),
        (b"database", "", False),
    ],
)
def test_event_streams_are_known_by_type_or_first_line(body, media_type, expected):
    assert is_event_stream(body, media_type) is expected
