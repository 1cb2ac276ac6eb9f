"""What pytest says of notebooks where it found no test; test_plugin.py has pytests of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen_nb.testing.untested_notebooks import advice


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session in a folder with one notebook, and others that count for nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("notebooks/deep/hero.ipynb", "notebooks/.ipynb_checkpoints/a.ipynb", "empty/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    return SimpleNamespace(args=[], invocation_params=SimpleNamespace(dir=tmp_path))


@pytest.mark.parametrize(
    "given", [["notebooks"], ["notebooks/deep/hero.ipynb::Cell 1"], ["empty", "."], ["none.ipynb", "."]]
)
def test_the_first_notebook_is_named_with_the_option(config: Any, given: list[str]) -> None:
    config.args = given
    name = "notebooks/deep/hero.ipynb"
    assert advice(config) == f"{name} was not tested: with --nbval it is (pytest --nbval {name})"


@pytest.mark.parametrize("given", [["empty"], ["none.ipynb"], ["nowhere"], []])
def test_where_there_is_none_nothing_is_said(config: Any, given: list[str]) -> None:
    config.args = given
    assert advice(config) == ""


def test_where_nbval_is_missing_the_extra_is_named(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config.args = ["notebooks"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "https://git.example/imagegen_nb-1-py3-none-any.whl")
    assert advice(config).endswith(
        "hero.ipynb was not tested: with --nbval it is. That needs: "
        "pip install 'imagegen-nb[test] @ https://git.example/imagegen_nb-1-py3-none-any.whl'"
    )
