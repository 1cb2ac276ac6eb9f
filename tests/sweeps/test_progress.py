"""The bar: with tqdm, without it, and not at all."""

from __future__ import annotations

import importlib.util

import pytest

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


@pytest.mark.parametrize(("total", "shown"), [(0, True), (3, False)])
def test_nothing_where_nothing_is_wanted_or_to_be_done(capsys, total, shown):
    bar = progress.bar(total, shown=shown)
    bar.advance("1 done")
    bar.close()
    assert capsys.readouterr() == ("", "")
