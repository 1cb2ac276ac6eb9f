"""`imagegen-nb demo`: what it says at its end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.command_line import CommandLine

from imagegen_nb.notebooks.demo import Demo


@pytest.mark.parametrize(("told", "opener"), [("./dev lab", "./dev lab"), (None, "imagegen-nb lab")])
def test_it_names_what_opens_its_folder(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, opener: str
) -> None:
    images = [tmp_path / "images" / name for name in ("a.png", "b.png")]
    made = Demo(tmp_path / "quickstart.ipynb", images, [tmp_path / "a.step.json"])
    monkeypatch.setattr(Demo, "run", lambda folder: made)
    if told:
        monkeypatch.setenv("IMAGEGEN_NB_LAB", told)
    shown = cli("demo").out
    assert shown.rstrip().endswith(f"{opener} {tmp_path}")
    assert shown.count("images ") == 1


def test_without_what_runs_a_notebook_nothing_is_begun(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbclient", None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "https://git.example/imagegen_nb-1-py3-none-any.whl")
    refused = cli("demo")
    assert refused.code == 2
    assert refused.err.startswith("error: this runs a notebook: pip install 'imagegen-nb[notebook] @")
    assert list(tmp_path.iterdir()) == []
