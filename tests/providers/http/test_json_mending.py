"""Mending: text that is nearly JSON says what it was meant to say, and nothing that it does not say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.providers.http.json_mending import mend

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9_999, 9_999) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)
OBJECTS = st.dictionaries(TEXT, DOCUMENTS, max_size=4)


def mended(text: str) -> object:
    return json.loads(mend(text, 0).text)


@given(OBJECTS)
def test_what_is_json_stays_as_it_is(document):
    text = json.dumps(document)
    result = mend(text, 0)
    assert (json.loads(result.text), result.complete, result.flaws) == (document, True, [])
    assert result.end == len(text)


def loosely(value: object, draw: st.DataObject) -> str:
    """`value` as careless programs write it."""
    space = draw.draw(st.sampled_from(["", " ", "\n", "/* [1, */", "// {\n"]))
    comma = draw.draw(st.sampled_from(["", ",", " ,, "]))
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}{space}: {loosely(inner, draw)}" for name, inner in value.items()]
        return "{" + comma + f"{space}, ".join(items) + comma + space + "}"
    if isinstance(value, list):
        return "[" + space + ", ".join(loosely(inner, draw) for inner in value) + comma + "]"
    if value is None or isinstance(value, bool):
        return str(value) if draw.draw(st.booleans()) else json.dumps(value)
    return json.dumps(value)


@given(OBJECTS, st.data())
def test_careless_json_is_read_as_it_was_meant(document, draw):
    assert mended(loosely(document, draw)) == document


@given(OBJECTS, st.data())
def test_of_a_beginning_only_what_is_whole_is_read(document, draw):
    text = json.dumps(document)
    result = mend(text[: draw.draw(st.integers(1, len(text)))], 0)
    read = json.loads(result.text)
    assert set(read) <= set(document)
    assert all(read[name] == document[name] for name in list(read)[:-1])


@given(st.text(st.sampled_from("{}[]:,\"'\\/* \n1-aNe"), max_size=40))
def test_any_text_ends_in_json_or_in_nothing(text):
    result = mend("{" + text, 0)
    json.loads(result.text, strict=False)
    assert 0 < result.end <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": 1 "b": [{} {}]}', {"a": 1, "b": [{}, {}]}),
        ("{'a': 'it\\'s \"so\"'}", {"a": 'it\'s "so"'}),
        ('{a: undefined, $b: None, "c": nan}', {"a": None, "$b": None, "c": None}),
        ('{"a": "say "hi" to", "b": 2}', {"a": 'say "hi" to', "b": 2}),
        (r'{"a": "C:\users"}', {"a": r"C:\users"}),
        ('{"a": 1, "b": {"c": 2', {"a": 1, "b": {"c": 2}}),
        ('{"a": 1, "b": "cut', {"a": 1}),
        ('{"a": 1, "b": what}', {"a": 1}),
        ('{"a": [1}', {"a": [1]}),
        ("{1: 2}", {}),
        ('{"a": 1} x', {"a": 1}),
    ],
)
def test_flaws_and_what_is_meant(text, meant):
    read = mended(text)
    assert json.dumps(read).replace("NaN", "null") == json.dumps(meant)


def test_deep_nesting_ends():
    assert not mend("[" * 100_000, 0).complete
