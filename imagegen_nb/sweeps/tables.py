"""A sweep's cells as a table, and as files of it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from imagegen_nb.core.atomic_files import explain, explain_writing, user_path, write_durably
from imagegen_nb.core.filenames import with_ending
from imagegen_nb.core.frames import scalar_text
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.errors import StoreError
from imagegen_nb.providers import catalog
from imagegen_nb.sweeps.cell import Cell

_COLUMNS = ("repeat", "outcome", "charge", "reused", "error", "run_id", "images", "starred", "note", "picked")
_JSON = re.compile(r'\{\s*"name": "[^"]*",\s*"axes": \[')
"""How a sweep as JSON begins."""
_LONGEST_HEADING = 100_000
"""Bytes that a table is known by."""


def rows(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """One dict a cell; keys are masked."""
    # No key stands in a variable here: a traceback with locals would show it.
    found = [cell.row() for cell in cells]
    return [dict(row) for row in without_keys(found, catalog.keys_in_use())]


def columns(axes: Sequence[str], table: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of such rows: the axes, what every cell has, and what only some have."""
    more = dict.fromkeys(key for row in table for key in row)
    known = (*axes, *_COLUMNS)
    return [*known, *(key for key in more if key not in known)]


def as_csv(axes: Sequence[str], table: Sequence[Mapping[str, Any]]) -> str:
    """Such rows as CSV."""
    text, named = io.StringIO(), columns(axes, table)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(named)
    writer.writerows([scalar_text(row.get(column)) for column in named] for row in table)
    return text.getvalue()


def named(path: str | os.PathLike[str], ending: Literal[".csv", ".json"]) -> Path:
    """Where a table is written. Raises `StoreError` for a name that promises something else."""
    what = f"this is {ending.removeprefix('.').upper()}"
    return with_ending(user_path(path, StoreError), (ending,), what, StoreError)


def is_there(path: Path) -> bool:
    """Whether a sweep's table is at `path`, or an empty file, which a newer may replace. Raises OSError."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        heading = file.readline(_LONGEST_HEADING).decode(errors="replace")
    return not heading or f",{','.join(_COLUMNS)}" in heading


def is_json_there(path: Path) -> bool:
    """The same for a sweep as JSON."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begun = file.read(_LONGEST_HEADING).decode(errors="replace")
    return not begun or _JSON.match(begun) is not None


def free_path(
    path: str | os.PathLike[str], is_older: Callable[[Path], bool] | None = None, *, overwrite: bool
) -> Path:
    """Where to write, which may be in the place of what `is_older` knows. Raises `StoreError` where something
    else is there, unless `overwrite`."""
    target = user_path(path, StoreError)
    try:
        if overwrite or not target.exists() or (is_older is not None and is_older(target)):
            return target
        reason = "it already exists" if is_older is None else "something else is there"
        reason += "; pass overwrite=True or another name"
    except OSError as error:
        reason = explain(error)
    raise StoreError(f"cannot write {target}: {reason}")


def written(path: str | os.PathLike[str], text: str) -> Path:
    """Write a file, replacing one. Returns where it is. Raises `StoreError`."""
    target = user_path(path, StoreError)
    try:
        write_durably(target, text.encode("utf-8", "replace"))
    except OSError as error:
        reason = explain_writing(error, target.parent)
    else:
        return target
    raise StoreError(f"cannot write {target}: {reason}")
