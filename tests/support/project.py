"""This checkout itself: its folders, its generator of documents, and its cassettes as they compare."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import imagegen_nb
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.replay import cassette_file

ROOT = Path(__file__).parents[2]
PACKAGE = Path(imagegen_nb.__file__).parent
"""In the checkout, or where it is installed for `./dev wheel`."""
CASSETTES = ROOT / "cassettes"
CONTRACT = CASSETTES / "contract"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def generator() -> Any:
    """`docs/generate.py` as a module."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a cassette; its text without the date."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
    text, dates = re.subn(rb"(?m)^  recorded_on: .*\n", b"", files[CASSETTE_FILE])
    assert dates == 1
    return files | {CASSETTE_FILE: text}


def calls(folder: Path) -> list[tuple[Any, ...]]:
    """What was asked and how it was answered: all but the pictures, which depend on what encodes them."""
    return [
        (each.sort_key, each.status, dict(each.headers), each.ended) for each in cassette_file.read(folder)[1]
    ]
