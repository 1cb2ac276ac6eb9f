"""Where cassettes are stored: a `cassettes` folder of the project, with one folder below it for each name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from imagegen_nb.core.filenames import slug
from imagegen_nb.errors import ReplayError

_FOLDER = "cassettes"
VARIABLE = "IMAGEGEN_NB_CASSETTES"
"""Names the folder that holds the cassettes, where it is not found from the working directory."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def home(start: Path | None = None) -> Path:
    """The cassettes' folder: the one `VARIABLE` names, else the nearest at or above `start`.

    Where there is none yet, it belongs into `start`, by default the working directory.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    start = (start or Path.cwd()).absolute()
    candidates = (folder / _FOLDER for folder in (start, *start.parents))
    return next((folder for folder in candidates if folder.is_dir()), start / _FOLDER)


def folder_of(name: str, start: Path | None = None) -> Path:
    """The folder of the cassette `name`. Raises `ReplayError` for a name that could lead elsewhere."""
    if not _NAME.fullmatch(name):
        raise ReplayError(
            f"cassette = {name!r}: a name is letters, digits, dots, hyphens and underscores, such as "
            f"'hero-image'; where cassettes lie is said by a {_FOLDER}/ folder or {VARIABLE}"
        )
    return home(start) / name


def of_notebook(notebook: Path) -> Path:
    """The folder of a notebook's own cassette: named after it, in the nearest cassettes' folder."""
    return home(notebook.parent) / slug(notebook.stem)
