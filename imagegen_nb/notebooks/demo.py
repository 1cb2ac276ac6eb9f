"""Runs the quickstart notebook in a folder of its own, as `imagegen-nb demo` does."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.notebooks.execute import execute as run_cells
from imagegen_nb.notebooks.execute import parse, text_of

_NOTEBOOK = "quickstart.ipynb"


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo run left behind, as absolute paths."""

    notebook: Path
    images: list[Path]
    steps: list[Path]

    @classmethod
    def run(cls, folder: Path) -> Self:
        """Execute the quickstart in `folder` with a kernel of this interpreter; raises as `execute`."""
        folder = folder.expanduser().absolute()
        target = execute(quickstart(), folder / _NOTEBOOK)
        return cls(target, sorted(folder.glob("images/*")), sorted(folder.glob("*.step.json")))


def execute(notebook: str, target: Path) -> Path:
    """Run a notebook's text in the folder of `target`, with a kernel of this interpreter, and write it there.

    Raises `InvalidOption` when the notebook packages are missing, `ImagegenError` when a cell fails.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    document = parse(notebook)
    failed = run_cells(document, target.parent)
    target.write_text(text_of(document), encoding="utf-8")
    if failed:
        raise ImagegenError(f"the notebook stopped: {failed} (see {target})")
    return target


def quickstart() -> str:
    """The text of the quickstart notebook, from the installed package or from a checkout."""
    for place in (resources.files("imagegen_nb.notebooks"), Path(__file__).parents[2] / "notebooks"):
        file = place / _NOTEBOOK
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise InvalidOption("the quickstart notebook is not part of this installation")
