"""The command line in an empty folder, and a step file in it."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from support.command_line import CommandLine, Outcome

from imagegen_nb import save_step
from imagegen_nb.cli import console, main
from imagegen_nb.emulator import Emulator
from imagegen_nb.step.step import ImageGenerationStep


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, emulator: Emulator
) -> CommandLine:
    """Runs a command line in an empty folder and gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it

    def call(*arguments: str) -> Outcome:
        filled = [emulator.url if argument == "THE EMULATOR" else argument for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["imagegen-nb", *filled])
        console.out.cache_clear()  # each call is a process elsewhere, with a window of its own
        console.err.cache_clear()
        with pytest.raises(SystemExit) as exit_info:
            main()
        captured = capsys.readouterr()
        return Outcome(int(exit_info.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def step() -> ImageGenerationStep:
    return ImageGenerationStep(name="Lamp", prompt="A lamp for {{room}}", image_size="1024x1024")


@pytest.fixture
def file(tmp_path: Path, step: ImageGenerationStep) -> str:
    save_step(tmp_path / "lamp.step.json", step)
    return "lamp.step.json"
