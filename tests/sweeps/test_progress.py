"""The bar: with tqdm, without it, and not at all."""

from __future__ import annotations

import importlib.util

import pytest
from support.kernels import executed

from imagegen_nb.core.html_repr import html_output
from imagegen_nb.sweeps import progress


def test_tqdm_where_it_is_installed(capsys):
    pytest.importorskip("tqdm")
    bar = progress.bar(2, shown=True)
    bar.advance("1 done")
    bar.advance("2 done")
    bar.close()
    assert "2/2" in capsys.readouterr().err


def test_rich_where_it_is_not(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    bar = progress.bar(2, shown=True)
    bar.advance("1 done")
    bar.close()
    assert "1/2" in capsys.readouterr().err


_BAR = """
import importlib.util
importlib.util.find_spec = lambda name: None
from imagegen_nb.sweeps import progress
bar = progress.bar(2, shown=True)
bar.advance("1 done")
bar.advance("2 done")
bar.close()
"""


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_what_a_notebook_without_tqdm_keeps_are_its_words(tmp_path):
    """No widget, which would be gone from the saved notebook, and no bar, as if something still went on."""
    (shown,) = executed([_BAR], tmp_path).cells[0].outputs
    assert shown["data"] == {
        "text/plain": "2 of 2 cells: 2 done",
        "text/html": html_output("2 of 2 cells: 2 done"),
    }


def test_while_it_goes_on_a_notebook_without_tqdm_has_a_bar_and_words():
    bar = progress._Displayed(4, "cell")
    bar.advance("1 <b>")
    assert bar._repr_html_() == html_output(
        '<progress max="4" value="1"></progress> 1 of 4 cells: 1 &lt;b&gt;'
    )


@pytest.mark.parametrize(("total", "shown"), [(0, True), (3, False)])
def test_nothing_where_nothing_is_wanted_or_to_be_done(capsys, total, shown):
    bar = progress.bar(total, shown=shown)
    bar.advance("1 done")
    bar.close()
    assert capsys.readouterr() == ("", "")
