"""What lies in a cassette's folder and is no part of it: no replay reads it, no check searches it for keys.

It does no replay any harm. But it is committed with the folder; and images without a recording are all that
shows that a text was cut between two of them.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagegen_nb.core.atomic_files import TEMPORARY_NAME
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted, listed
from imagegen_nb.replay import blobs, cassette_file, paths
from imagegen_nb.replay.folder_writer import ATTRIBUTES_FILE

_LEFT_BY_SYSTEMS = frozenset((".DS_Store", "Thumbs.db", "desktop.ini"))
"""Where somebody has looked into a folder."""
_MOST_NAMED = 5


def folders_without_text(home: Path) -> list[Path]:
    """The folders below `home` that hold the images of a cassette, and not its text."""
    return sorted(
        images.parent
        for images in home.rglob(blobs.FOLDER)
        if images.is_dir()
        and images.parent != home
        and not cassette_file.exists(images.parent)
        and any(blobs.is_name(path.name) for path in images.iterdir())
    )


def text_above(home: Path) -> str:
    """What is wrong where a cassette lies in `home` itself, not in a folder below; empty where none does."""
    if not cassette_file.exists(home):
        return ""
    remedy = f"move it, with its {blobs.FOLDER}/, into a folder there, whose name is the cassette's"
    if os.environ.get(paths.VARIABLE):
        remedy = f"{paths.VARIABLE} is to name the folder above that of a cassette"
    return f"{visible(str(home))} has a {CASSETTE_FILE} itself, where no replay finds it: {remedy}"


def leftovers(folder: Path, name: str) -> list[str]:
    """What is no part of the readable cassette `name` in `folder`: each kind, with its remedy."""
    return list(_leftovers(folder, name))


def _leftovers(folder: Path, name: str) -> Iterator[str]:
    names = blobs.names_in(cassette_file.read_text(folder))
    if unused := [path.relative_to(folder) for path in cassette_file.unreferenced(folder, names)]:
        them = "it" if len(unused) == 1 else "them"
        yield (
            f"{counted(len(unused), 'image')} that no recording refers to: {_listed(unused)}; imagegen-nb "
            f"cassettes prune {shlex.quote(name)} deletes {them}. If {CASSETTE_FILE} was cut, restore that "
            "instead"
        )
    others = list(_others(folder))
    if cut_off := [path for path in others if re.fullmatch(TEMPORARY_NAME, path.name)]:
        yield f"left of a recording that was killed: {_listed(cut_off)}; delete it, unless one is under way"
    if foreign := [path for path in others if path not in cut_off]:
        yield (
            f"no part of the cassette, and not searched for keys: {_listed(foreign)}; move it elsewhere, "
            "delete it, or search it by imagegen-nb scan"
        )
    if not (folder / ATTRIBUTES_FILE).exists():
        yield (
            f"its {ATTRIBUTES_FILE} is missing, so that git may change the line ends of its files: restore "
            "it, or record the cassette again"
        )


def _others(folder: Path) -> Iterator[Path]:
    """What lies in a cassette's folder that no cassette has, by its path in it."""
    images = folder / blobs.FOLDER
    for path in sorted(folder.iterdir()):
        is_own = path.name in (CASSETTE_FILE, ATTRIBUTES_FILE, blobs.FOLDER)
        if not is_own and path.name not in _LEFT_BY_SYSTEMS and not _holds_cassettes(path):
            yield path.relative_to(folder)
    for path in sorted(images.iterdir()) if images.is_dir() and not images.is_symlink() else ():
        if not blobs.is_name(path.name) and path.name not in _LEFT_BY_SYSTEMS:
            yield path.relative_to(folder)


def _holds_cassettes(path: Path) -> bool:
    return path.is_dir() and next(path.rglob(CASSETTE_FILE), None) is not None


def _listed(paths: Sequence[Path]) -> str:
    return listed([visible(path.as_posix()) for path in paths], _MOST_NAMED)
