"""Paths: how one is written, where it leads, and which is nearest to one that leads nowhere."""

from __future__ import annotations

import pytest

from imagegen_nb.core.variable_paths import LONGEST_PATH, is_path, leaves


def test_no_path_grows_without_end():
    """In a file of 1 MB all paths together could take a thousand times as much."""
    data: object = [0] * 100
    for _ in range(50):
        data = {"k" * 100: data}
    found = [path for path, _ in leaves(data)]
    assert len(found) == 4  # of 150
    assert max(map(len, found)) <= LONGEST_PATH


def test_leaves_list_containers_before_what_they_hold():
    assert [path for path, _ in leaves({"a": {"b": [1, {"c": 2}]}})] == [
        "a",
        "a.b",
        "a.b.0",
        "a.b.1",
        "a.b.1.c",
    ]


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("a", True),
        ("a.b.0", True),
        ("a.01", False),
        ("1a", False),
        ("a b", False),
        ("", False),
        ("a.", False),
    ],
)
def test_what_a_path_is(written, right):
    assert is_path(written) == right
