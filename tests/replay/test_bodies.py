"""JSON shown field by field: it comes back to the byte, whatever wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.replay import bodies


@settings(deadline=None)  # no assertion on wall time
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}]),
    st.booleans(),
)
def test_every_json_body_comes_back_to_the_byte(value, way, ascii_only):
    text = json.dumps({"value": value}, ensure_ascii=ascii_only, **way)
    shown = bodies.to_document(text)
    assert bodies.to_text(shown) == text


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "null", '{"a": NaN}', '{"a":  1}', '{"a": 1, "a": 2}', '{"a":' * 100 + "1" + "}" * 100],
)
def test_what_no_style_writes_again_stays_a_text(text):
    assert bodies.to_document(text) == text


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        ["x"],
        {},
        {"json": {}},
        {"json": {}, "written": "backwards"},
        {"json": {}, "written": ["compact"]},
        {"json": {"a": {1, 2}}, "written": "compact"},
        {"json": {}, "written": "compact", "more": 1},
    ],
)
def test_what_to_document_does_not_make_is_refused(document):
    with pytest.raises(ValueError, match="neither text nor JSON"):
        bodies.to_text(document)


def test_only_what_is_nested_too_deep_to_be_shown_is_deep():
    assert bodies.is_deep(b'{"a":' * 13 + b"1" + b"}" * 13)
    assert bodies.is_deep(b"[" * 100_000 + b"]" * 100_000)
    assert not bodies.is_deep(b'{"a": [1, {"b": 2}]}')
    assert not bodies.is_deep(b"<html>")
