"""Tables of pandas or polars, whichever is there: neither is needed for anything else, so neither is imported
before somebody asks for a table."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.errors import InvalidOption

_LIBRARIES = ("pandas", "polars")


def frame(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], library: str | None = None) -> Any:
    """A table with these columns, in which a row may lack some; `library` is pandas or polars.

    Lists and objects stand in it as JSON text, and so does a column whose values are of several kinds. Raises
    `InvalidOption` where the library, or any, is missing.
    """
    name = _library(library)
    values: dict[str, list[Any]] = {column: [] for column in columns}
    for row in rows:
        for column in columns:
            values[column].append(row.get(column))
    table = {column: _of_one_kind(cells) for column, cells in values.items()}
    return importlib.import_module(name).DataFrame(table)


def rows_of(table: Any) -> list[dict[str, Any]] | None:
    """The rows of a table of either library; None for anything else. Whole numbers are whole again where
    pandas holds them as fractions, as it does in a column in which one is missing."""
    if callable(getattr(table, "to_dicts", None)):  # polars
        return list(table.to_dicts())
    # In this order: to tell its columns, a table that was not read yet would read.
    if callable(getattr(table, "to_dict", None)) and hasattr(table, "index") and hasattr(table, "columns"):
        rows: list[dict[str, Any]] = [
            {str(name): None if _is_absent(value) else value for name, value in row.items()}
            for row in table.to_dict("records")
        ]
        for name in rows[0] if rows else ():
            if _were_whole([row[name] for row in rows]):
                for row in rows:
                    row[name] = None if row[name] is None else int(row[name])
        return rows
    return None


def _were_whole(cells: list[Any]) -> bool:
    """Whether a column held whole numbers before one went missing; of fractions that end in .0 nobody can
    tell, and they are fewer."""
    held = [cell for cell in cells if cell is not None]
    return 0 < len(held) < len(cells) and all(isinstance(one, float) and one.is_integer() for one in held)


def scalar_text(value: Any) -> str:
    """A value of a table as text: itself, or JSON for what has no other."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_absent(value: Any) -> bool:
    """Not a number, and pandas' own marks for nothing; comparing those with themselves is no truth value."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _library(wanted: str | None) -> str:
    if wanted is not None and wanted not in _LIBRARIES:
        raise InvalidOption(f"library = {wanted!r}: use {' or '.join(map(repr, _LIBRARIES))}")
    for name in (wanted,) if wanted else _LIBRARIES:
        if importlib.util.find_spec(name) is not None:
            return name
    needed = wanted or "pandas or polars"
    extra = wanted or "pandas"
    raise InvalidOption(
        f"to_frame() needs {needed}: {install_command(extra)}, or use to_csv(path) or to_json(path)"
    )


def _of_one_kind(cells: list[Any]) -> list[Any]:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {int, float}:
        return [None if cell is None else float(cell) for cell in cells]
    if len(kinds) <= 1 and kinds <= {str, bool, int, float}:
        return cells
    return [None if cell is None else scalar_text(cell) for cell in cells]
