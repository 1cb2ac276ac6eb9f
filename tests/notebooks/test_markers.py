"""A cell's markers are those that nbval reads: comments before tags."""

from __future__ import annotations

import sys

import nbformat
import pytest

from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.markers import MAY_FAIL, SKIP, markers_of


@pytest.mark.parametrize(
    ("source", "tags", "expected"),
    [
        ("# NBVAL_SKIP\nx", [], {SKIP: True}),
        ("x\n  #  NBVAL_SKIP  ", [], {SKIP: True}),
        ("'# NBVAL_SKIP'", [], {}),
        ("# NBVAL_SKIP because", [], {}),
        ("x", ["nbval-skip"], {SKIP: True}),
        ("x", ["raises-exception"], {MAY_FAIL: True}),
        ("# NBVAL_RAISES_EXCEPTION", ["skip-execution"], {MAY_FAIL: True}),
        ("# NBVAL_IGNORE_OUTPUT", ["nbval-check-output"], {"check": False}),
        ("# NBVAL_IGNORE_OUTPUT\n# NBVAL_CHECK_OUTPUT", [], {"check": True}),
    ],
)
def test_what_counts(source, tags, expected):
    assert markers_of(nbformat.v4.new_code_cell(source, metadata={"tags": tags})) == expected


def test_a_missing_nbval_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbval", None)
    monkeypatch.setitem(sys.modules, "nbval.plugin", None)
    with pytest.raises(InvalidOption, match=r"this tests a notebook: .*test"):
        markers_of(nbformat.v4.new_code_cell("x"))
