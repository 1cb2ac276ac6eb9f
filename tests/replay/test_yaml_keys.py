"""Repeated keys are found wherever YAML allows them, and nothing else is."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.replay.yaml_keys import RepeatedKeys


def repeated(text):
    keys = RepeatedKeys(yaml)
    return [found for event in yaml.parse(text, Loader=yaml.SafeLoader) if (found := keys.see(event))]


KEYS = st.text(max_size=5)
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_a_document_that_is_written_from_data_has_none(document):
    assert repeated(yaml.safe_dump(document, allow_unicode=True)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", [("a", 1, 3)]),
        ("x:\n- {a: 1, a: 2}\n- a: 1\n", [("a", 2, 2)]),
        ("a: a\nb: {a: a}\n", []),
        ("a: 1\n'a': 2\n\"a\": 3\n", [("a", 1, 2), ("a", 1, 3)]),
        ("{a: 1}: {a: 1}\nb: 1\nb: 1\n", [("b", 2, 3)]),
        ("- a\n- a\n", []),
        ("a", []),
    ],
)
def test_the_key_and_both_lines_are_named(text, found):
    assert repeated(text) == found
