"""Files that were given and are not what is wanted: what there is instead, and what they are instead."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from imagegen_nb.core import images
from imagegen_nb.core.own_files import CASSETTE_FILE, STORE_FILE
from imagegen_nb.core.redaction import visible

_MOST_LOOKED_AT = 1_000
"""Names in a folder."""
_MOST_NAMED = 5
_KINDS = (
    (re.compile(rb'"nbformat"\s*:'), "a notebook", "imagegen-nb record takes one"),
    (re.compile(rb'"format"\s*:\s*"imagegen-nb/workflow"'), "a workflow file", "imagegen-nb run takes one"),
    (re.compile(rb'"format"\s*:\s*"imagegen-nb/step"'), "a step file", "imagegen-nb run takes one"),
    (
        re.compile(rb"(?m)^(?:interactions|recordings)\s*:"),
        "a cassette",
        "imagegen-nb cassettes check reads those below cassettes/",
    ),
    (
        re.compile(rb"(?m)^[ \t]*(?:step|over|rows)[ \t]*=|^[ \t]*\[(?:step|over|inputs)\b"),
        "a sweep file",
        "imagegen-nb sweep takes one",
    ),
    (re.compile(rb"\A\s*(?:\{|\[\s*(?:[\[{\]\"\d-]|true|false|null|\Z))"), "JSON", ""),
)
"""By what stands in a file: what it is, and which command takes it."""
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def folder_kind(folder: Path) -> tuple[str, str]:
    """What a folder looks like, such as a cassette, and which command takes it; empty where nobody can say.

    Only names are looked at, and nothing is opened.
    """
    names = _names_in(folder)
    if not folder.is_dir():
        return "", ""
    if CASSETTE_FILE in names:
        name = shlex.quote(visible(folder.absolute().name))
        return "a cassette", f"imagegen-nb cassettes check {name}"
    if STORE_FILE in names:
        return "a store", f"imagegen-nb store check {shlex.quote(visible(str(folder)))}"
    if (folder.parent / STORE_FILE).is_file():
        above = shlex.quote(visible(str(folder.parent)))
        return "a part of the store above it", f"imagegen-nb store check {above}"
    if not names:
        return "empty", ""
    if any((folder / name / CASSETTE_FILE).is_file() for name in names):
        return "a folder of cassettes", "imagegen-nb cassettes check"
    if any(name.lower().endswith(_PICTURES) for name in names):
        return "a folder of pictures", ""
    return "", ""


def told_kind(folder: Path) -> str:
    """What a folder is instead of what is wanted, as the end of a clause; empty where nobody can say."""
    kind, taken_by = folder_kind(folder)
    return f", which is {kind}" * bool(kind) + f" ({taken_by})" * bool(taken_by)


def missing(path: Path, endings: Sequence[str]) -> str:
    """That there is no file at `path`, with the nearest there is; where none is near, those with one of the
    `endings`."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no file {path}: there is no folder {folder}"
    names = _names_in(folder)
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    likely = [name for name in names if name.lower().endswith(tuple(endings))][:_MOST_NAMED]
    told = ""
    if close:
        told = f"; did you mean {visible(str(folder / close[0]))}?"
    elif likely:
        place = "in this folder" if folder == Path() else f"in {folder}"
        told = f"; {place} there is {', '.join(map(visible, likely))}"
    return f"there is no file {path}{told}"


def is_folder(path: Path, endings: Sequence[str]) -> str:
    """That a folder was given in a file's place, with the files in it that are likely meant."""
    likely = [str(path / name) for name in _names_in(path) if name.lower().endswith(tuple(endings))]
    such = f", such as {visible(likely[0])}" if likely else ""
    return f"{path} is a folder: give a file in it{such}"


def nearest_folder(path: Path) -> str:
    """The folder beside `path`, which is not there, that is likely meant; empty where none is near."""
    folders = [name for name in _names_in(path.parent) if (path.parent / name).is_dir()]
    close = difflib.get_close_matches(path.name, folders, n=1, cutoff=0.7)
    return visible(str(path.parent / close[0])) if close else ""


def near(path: Path) -> Path:
    """The path as it is told: from this folder on, where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def other_kind(data: bytes) -> tuple[str, str]:
    """What a file, or its beginning, shows it to be, such as a notebook, and which command takes it; empty
    where nobody can say. A notebook's sign stands at its end."""
    if not data.strip():
        return "empty", ""
    if kind := images.sniff(data):
        return f"an image ({kind})", ""
    return next(((kind, taken_by) for sign, kind, taken_by in _KINDS if sign.search(data)), ("", ""))


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name for entry in islice(entries, _MOST_LOOKED_AT) if not entry.name.startswith(".")
            )
    except OSError:
        return []
