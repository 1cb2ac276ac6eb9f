"""Tables of either library, of values as they come, and what is said where there is none."""

from __future__ import annotations

import importlib.util

import pytest

from imagegen_nb.core.frames import frame, rows_of
from imagegen_nb.errors import InvalidOption

ROWS = [
    {"name": "a", "count": 1, "images": ["x", "y"], "odd": 1},
    {"name": "b", "count": 2.5, "odd": "text"},
    {"name": None, "odd": {"k": [1]}},
]
COLUMNS = ["name", "count", "images", "odd"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_values_stand_as_they_are_and_mixed_ones_as_text(library):
    pytest.importorskip(library)
    rows = rows_of(frame(COLUMNS, ROWS, library))
    assert rows == [
        {"name": "a", "count": 1.0, "images": '["x", "y"]', "odd": "1"},
        {"name": "b", "count": 2.5, "images": None, "odd": "text"},
        {"name": None, "count": None, "images": None, "odd": '{"k": [1]}'},
    ]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_no_rows_are_an_empty_table(library):
    pytest.importorskip(library)
    assert rows_of(frame(COLUMNS, [], library)) == []
    assert list(frame(COLUMNS, [], library).columns) == COLUMNS


def test_a_missing_library_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidOption, match="needs pandas or polars: pip install"):
        frame(COLUMNS, ROWS)
    with pytest.raises(InvalidOption, match="needs polars"):
        frame(COLUMNS, ROWS, "polars")


def test_another_library_is_refused():
    with pytest.raises(InvalidOption, match="library = 'numpy': use 'pandas' or 'polars'"):
        frame(COLUMNS, ROWS, "numpy")


@pytest.mark.parametrize("value", [[], {}, "a.csv", 3, [{"a": 1}]], ids=str)
def test_anything_else_has_no_rows(value):
    assert rows_of(value) is None
