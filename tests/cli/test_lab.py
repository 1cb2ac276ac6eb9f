"""`imagegen-nb lab`: JupyterLab is started in a folder, with a notebook to begin with."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from support.command_line import CommandLine


def begin(folder: Path, *arguments: str) -> int:
    """The exit code of a process of its own, which JupyterLab takes the place of."""
    command = [sys.executable, "-m", "imagegen_nb", "lab", *arguments]
    return subprocess.run(command, cwd=folder, check=False, timeout=60).returncode


@pytest.mark.notebooks
def test_an_empty_folder_gets_the_quickstart_and_options_are_passed_on(tmp_path: Path) -> None:
    assert begin(tmp_path, "work", "--version") == 0  # which JupyterLab prints, and leaves
    written = tmp_path / "work" / "quickstart.ipynb"
    assert "emulator" in nbformat.read(written, as_version=4).cells[0].source
    written.rename(tmp_path / "work" / "mine.ipynb")
    assert begin(tmp_path, "work", "--version") == 0
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["mine.ipynb"]
    assert begin(tmp_path, "work", "--no-such-option=1", "--version=2") != 0, "JupyterLab's own exit code"


def test_without_jupyterlab_it_says_how_to_get_it(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jupyterlab" else there(name)
    )
    outcome = cli("lab", "work")
    assert outcome.code == 2
    assert "JupyterLab is not in this environment: pip install" in outcome.err
    assert not (tmp_path / "work").exists()


def test_a_folder_that_cannot_be_made_is_told(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = cli("lab", "file/below")
    assert outcome.code == 2
    assert "cannot write to file/below" in outcome.err


def test_a_misspelt_folder_is_not_made(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "my notebooks").mkdir()
    outcome = cli("lab", "my notbooks")
    assert outcome.code == 2
    assert "there is no folder my notbooks; did you mean my notebooks?" in outcome.err
    assert "mkdir -p 'my notbooks'" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["my notebooks"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that JupyterLab would have been started with."""
    commands: list[list[str]] = []

    def start(_: str, command: list[str]) -> None:
        commands.append(command)
        raise SystemExit(0)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr("os.execv", start)
    return commands


@pytest.mark.parametrize(
    "options",
    [
        ["--no-browser"],
        ["--ip=0.0.0.0", "--no-browser"],
        ["--ServerApp.base_url=/a//b/"],
        ["--port", "9000"],
        ["-y"],
    ],
)
def test_options_alone_are_jupyterlabs_and_the_folder_is_this_one(
    options: list[str], cli: CommandLine, tmp_path: Path, started: list[list[str]]
) -> None:
    cli("lab", *options)
    assert started[0][-len(options) - 1 :] == [*options, "quickstart.ipynb"]
    assert [path.name for path in tmp_path.iterdir()] == ["quickstart.ipynb"]


def test_a_folder_behind_options_is_told_where_it_belongs(
    cli: CommandLine, tmp_path: Path, started: list[list[str]]
) -> None:
    (tmp_path / "notebooks").mkdir()
    outcome = cli("lab", "--no-browser", "notebooks")
    assert (outcome.code, started) == (2, [])
    assert "give the folder first, imagegen-nb lab notebooks --no-browser" in outcome.err
    assert list((tmp_path / "notebooks").iterdir()) == []


def test_a_new_folder_is_told(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)

    def started(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", started)
    assert "made the folder work: there was none" in cli("lab", "work").err
    assert "made the folder" not in cli("lab", "work").err
