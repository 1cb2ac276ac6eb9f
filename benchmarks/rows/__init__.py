"""The rows of the table, one file for each; all of them in the order of the table."""

from __future__ import annotations

from importlib import import_module

from benchmarks.cases import Case, Scale

_ROWS = (
    "imports",
    "first_run",
    "network",
    "walk",
    "many_images",
    "store",
    "starts",
    "gallery",
    "replay",
    "saves",
    "validation",
    "command_line",
    "emulator",
    "opening",
)


def cases(scale: Scale) -> list[Case]:
    """Every case of every row."""
    return [case for row in _ROWS for case in import_module(f"{__name__}.{row}").cases(scale)]
