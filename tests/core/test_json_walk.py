"""The walk over plain JSON: every value once, in order, with its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.core.json_walk import DEEPEST, Node, bounded, bracketed, is_deep, walk

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def at(document: Any, node: Node) -> Any:
    for key in node.keys:
        document = document[key]
    return document


def size(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inner))


@settings(max_examples=100)
@given(JSON)
def test_every_value_comes_once_and_stands_where_its_path_says(document):
    nodes = list(walk(document))
    assert len(nodes) == size(document)
    assert len({node.keys for node in nodes}) == len(nodes)
    for node in nodes:
        assert at(document, node) is node.value
        assert node.length == len(node.dotted)


def test_containers_come_before_what_they_hold_in_the_documents_order():
    document = {"a": {"b": [1, {"c": 2}]}, "d": "e"}
    assert [node.dotted for node in walk(document)] == ["", "a", "a.b", "a.b.0", "a.b.1", "a.b.1.c", "d"]


def test_paths_are_written_as_json_tools_write_them():
    document = {"contents": [{"parts": [{"text": "a fox"}]}]}
    assert [node.bracketed for node in walk(document) if node.value == "a fox"] == [
        "contents[0].parts[0].text"
    ]
    assert bracketed([0, "a", 1]) == "[0].a[1]"
    assert bracketed([]) == ""


def test_depth_is_no_limit():
    document: Any = "leaf"
    for _ in range(50_000):
        document = [document]
    *_, last = walk(document)
    assert last.value == "leaf"
    assert len(last.keys) == 50_000


@pytest.mark.parametrize(
    ("document", "depth"), [("a", 0), ([], 1), ({"a": 1, "b": {"c": []}}, 3), ([1, [2]], 2)]
)
def test_how_deep_a_document_is(document, depth):
    assert not is_deep(document, depth)
    assert is_deep(document, depth - 1)


def test_what_is_too_deep_to_recurse_over_is_refused():
    document: Any = "leaf"
    for _ in range(DEEPEST):
        document = [document]
    assert bounded(document) is document
    with pytest.raises(RecursionError, match="nested deeper than 300 levels"):
        bounded([document])


def test_other_containers_are_entered_as_the_caller_says():
    def halves(value: Any) -> list[tuple[str | int, Any]]:
        middle = len(value) // 2
        return [("left", value[:middle]), ("right", value[middle:])] if middle else []

    assert [node.value for node in walk("abc", halves)] == ["abc", "a", "bc", "b", "c"]
