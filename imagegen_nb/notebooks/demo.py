"""Runs the quickstart notebook in a folder of its own, as `imagegen-nb demo` does."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

from imagegen_nb.core.atomic_files import explain_writing, write_durably
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.notebooks import execute as kernel

_NOTEBOOK = "quickstart.ipynb"


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo run left behind, as absolute paths."""

    notebook: Path
    images: list[Path]
    steps: list[Path]

    @classmethod
    def run(cls, folder: Path) -> Self:
        """Execute the quickstart in `folder` with a kernel of this interpreter; raises as `execute_to`."""
        folder = folder.expanduser().absolute()
        notebook = execute_to(quickstart(), folder / _NOTEBOOK)
        return cls(notebook, sorted(folder.glob("images/*")), sorted(folder.glob("*.step.json")))


def execute_to(notebook: str, target: Path) -> Path:
    """Execute a notebook's text in the folder of `target`, and write it there with its outputs.

    Raises `InvalidOption` when the notebook packages are missing, or the folder cannot be written to;
    `ImagegenError` when a cell fails, or the disk is full at the end.
    """
    document = kernel.parse(notebook)  # before a folder is made
    if target.parent.is_file():
        raise InvalidOption(f"{target.parent} is a file: choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass  # before minutes are spent on cells that cannot write
    except OSError as error:
        reason = explain_writing(error, target.parent)
        remedy = "" if "another folder" in reason else "; choose another folder"
        raise InvalidOption(f"cannot write to {target.parent}: {reason}{remedy}") from None
    problem = kernel.execute(document, target.parent)
    try:
        write_durably(target, kernel.text_of(document).encode())
    except OSError as error:
        reason = explain_writing(error, target.parent)
        stopped = f"the notebook stopped: {problem}; and " if problem else ""
        raise ImagegenError(
            f"{stopped}the executed notebook cannot be written to {target}: {reason}"
        ) from None
    if problem:
        raise ImagegenError(f"the notebook stopped: {problem} (see {target})")
    return target


def quickstart() -> str:
    """The text of the quickstart notebook, from the installed package or from a checkout."""
    for folder in (resources.files("imagegen_nb.notebooks"), Path(__file__).parents[2] / "notebooks"):
        file = folder / _NOTEBOOK
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise InvalidOption("the quickstart notebook is not part of this installation")
