"""Where cassettes are stored: a `cassettes` folder of the project, with one folder below it for each name.

A notebook's cassette is named after it. Where another notebook has that name already, such as
`blog/hero.ipynb` beside `products/hero.ipynb`, the later one gets a name of its own, made of its path.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path

from imagegen_nb.core.filenames import slug
from imagegen_nb.errors import ReplayError

_FOLDER = "cassettes"
VARIABLE = "IMAGEGEN_NB_CASSETTES"
"""Names the folder that holds the cassettes, where it is not found from the working directory."""

_LONGEST_NAME = 100
_LONGEST_NAME_IN_BYTES = 240
"""File systems take 255; what is written beside a folder adds a few to its name."""
_MOST_FOLDERS_UP = 3
"""From a project to a notebook beside it. More would tell of folders of this machine."""


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
    composed = unicodedata.normalize("NFC", name)  # some file systems and editors take letters apart
    if not _is_name(composed):
        raise ReplayError(
            f"cassette = {name!r}: a name is letters, digits, dots, hyphens and underscores, such as "
            f"'hero-image'; where cassettes lie is said by a {_FOLDER}/ folder or {VARIABLE}"
        )
    return home(start) / composed


def of_notebook(notebook: Path) -> Path:
    """The folder of the cassette that `notebook` replays.

    A copy of a notebook replays the cassette of its original, as long as it has none of its own.
    """
    from imagegen_nb.replay import cassette_file  # here, so that a name alone loads no more than names

    plain, own = _folders_of_notebook(notebook)
    has_own = cassette_file.exists(own) and cassette_file.notebook_of(plain) != name_in_project(notebook)
    return own if has_own else plain


def to_record(notebook: Path) -> Path:
    """The folder of the cassette that a recording of `notebook` may replace: no other notebook's."""
    plain, own = _folders_of_notebook(notebook)
    return own if owner_of(plain, notebook) else plain


def owner_of(folder: Path, notebook: Path) -> str:
    """The name of another notebook whose cassette is in `folder`; empty where there is none.

    A notebook that is not there any more was moved or deleted.
    """
    from imagegen_nb.replay import cassette_file

    owner = cassette_file.notebook_of(folder)
    belongs_to_other = owner not in ("", name_in_project(notebook))
    return owner if belongs_to_other and (folder.parent.parent / owner).is_file() else ""


def name_in_project(notebook: Path) -> str:
    """The notebook's path from the project's folder: no path of this machine goes into a cassette."""
    notebook = notebook.absolute()
    relative = Path(os.path.relpath(notebook, home(notebook.parent).parent))
    if relative.parts.count(os.pardir) > _MOST_FOLDERS_UP:
        relative = Path(notebook.parent.name, notebook.name)
    return unicodedata.normalize("NFC", relative.as_posix())


def _folders_of_notebook(notebook: Path) -> tuple[Path, Path]:
    """The folder named after the notebook alone, and the one named after its whole path in the project."""
    root, name = home(notebook.parent), name_in_project(notebook)
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return root / slug(notebook.stem), root / f"{slug(name.removesuffix(notebook.suffix))}-{digest}"


def _is_name(name: str) -> bool:
    """Whether `name` is one folder's: letters and digits of any script, and what joins them."""
    kinds = [unicodedata.category(character)[0] for character in name]
    return (
        0 < len(name) <= _LONGEST_NAME
        and kinds[0] in "LN"
        and all(kind in "LNM" or character in "._-" for kind, character in zip(kinds, name, strict=True))
        and len(name.encode()) <= _LONGEST_NAME_IN_BYTES
    )
