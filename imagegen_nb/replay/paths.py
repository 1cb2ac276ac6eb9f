"""Where cassettes live: a `cassettes` folder of the project, one folder below it for each name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from imagegen_nb.core.filenames import slug
from imagegen_nb.errors import ReplayError

FOLDER = "cassettes"
VARIABLE = "IMAGEGEN_NB_CASSETTES"
"""Names the folder that holds the cassettes, where it is not found from the working directory."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def home(start: Path | None = None) -> Path:
    """The cassettes' folder: as `VARIABLE` says, else the nearest at or above `start`, else in it."""
    if told := os.environ.get(VARIABLE):
        return Path(told).expanduser().absolute()
    here = (start or Path.cwd()).absolute()
    above = (folder / FOLDER for folder in (here, *here.parents))
    return next((folder for folder in above if folder.is_dir()), here / FOLDER)


def folder_of(name: str, start: Path | None = None) -> Path:
    """The folder of the cassette `name`. Raises `ReplayError` for what is no name."""
    if not _NAME.fullmatch(name):
        raise ReplayError(
            f"cassette = {name!r}: a name is letters, digits, dots, hyphens and underscores, such as "
            f"'hero-image'; where cassettes lie is said by a {FOLDER}/ folder or {VARIABLE}"
        )
    return home(start) / name


def of_notebook(notebook: Path) -> Path:
    """The folder of a notebook's own cassette: its name, in the cassettes' folder nearest to it."""
    return home(notebook.parent) / slug(notebook.stem)
