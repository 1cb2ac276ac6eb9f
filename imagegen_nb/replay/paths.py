"""Where cassettes are stored: a `cassettes` folder of the project, with one folder below it for each name.

A notebook's cassette is named after it. Where another notebook has that name already, such as
`blog/hero.ipynb` beside `products/hero.ipynb`, the later one gets a name of its own, made of its path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
_FAR = re.compile(r"elsewhere-[0-9a-f]{8}/")
"""Begins the name of a notebook further away: it tells two apart, but not where either lies."""


def home(start: Path | None = None) -> Path:
    """The cassettes' folder: the one `VARIABLE` names, else the nearest at or above `start`.

    Where there is none yet, it belongs in `start`, by default the working directory.
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

    A notebook that is not there any more was moved or deleted; of one further away that cannot be known, so
    it keeps its cassette. A cassette without a notebook was recorded by a program or by hand.
    """
    from imagegen_nb.replay import cassette_file

    owner, name = cassette_file.notebook_of(folder), name_in_project(notebook)
    if owner == name or not cassette_file.exists(folder):
        return ""
    if not owner:
        return "a program, or was recorded by hand"
    return owner if is_far(name) or _may_be_there(folder, owner) else ""


def notebook_replaced_in(folder: Path, running: str = "") -> str:
    """The name of the notebook whose cassette a program would replace in `folder`; empty where there is none.

    `running` is the notebook that the program is, where that is known.
    """
    from imagegen_nb.replay import cassette_file

    owner = cassette_file.notebook_of(folder)
    return owner if owner and owner != running and _may_be_there(folder, owner) else ""


def is_far(name: str) -> bool:
    """Whether a notebook's name does not tell where it lies."""
    return _FAR.match(name) is not None


def _may_be_there(folder: Path, notebook: str) -> bool:
    """Whether the notebook of that name still lies in the project of the cassette in `folder`."""
    return is_far(notebook) or (folder.parent.parent / notebook).is_file()


def replayed_by(folder: Path, notebook: Path) -> str:
    """The name of another notebook that was executed and replays the cassette in `folder`; empty for none.

    It may be the one that recorded it, moved away since, while `notebook` took its place.
    """
    for parent, folders, files in os.walk(folder.parent.parent):
        folders[:] = [name for name in folders if name[0] not in "._" and name != "node_modules"]
        for other in (Path(parent, name) for name in files if name.endswith(".ipynb") and name[0] != "."):
            if (
                slug(other.stem) == folder.name
                and not (notebook.exists() and other.samefile(notebook))
                and of_notebook(other) == folder
                and _was_executed(other)
            ):
                return name_in_project(other)
    return ""


def _was_executed(notebook: Path) -> bool:
    try:
        cells = json.loads(notebook.read_bytes())["cells"]
        return any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def name_in_project(notebook: Path) -> str:
    """The notebook's path from the project's folder: no path of this machine goes into a cassette."""
    notebook = notebook.absolute()
    relative = Path(os.path.relpath(notebook, home(notebook.parent).parent))
    if relative.parts.count(os.pardir) > _MOST_FOLDERS_UP:
        digest = _digest(unicodedata.normalize("NFC", relative.as_posix()))
        relative = Path(f"elsewhere-{digest}", notebook.parent.name, notebook.name)
    return unicodedata.normalize("NFC", relative.as_posix())


def _folders_of_notebook(notebook: Path) -> tuple[Path, Path]:
    """The folder named after the notebook alone, and the one named after its whole path in the project."""
    root, name = home(notebook.parent), name_in_project(notebook)
    return root / slug(notebook.stem), root / f"{slug(name.removesuffix(notebook.suffix))}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]


def _is_name(name: str) -> bool:
    """Whether `name` is one folder's: letters and digits of any script, and what joins them."""
    kinds = [unicodedata.category(character)[0] for character in name]
    return (
        0 < len(name) <= _LONGEST_NAME
        and kinds[0] in "LN"
        and all(kind in "LNM" or character in "._-" for kind, character in zip(kinds, name, strict=True))
        and len(name.encode()) <= _LONGEST_NAME_IN_BYTES
    )
