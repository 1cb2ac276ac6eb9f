"""Tables of the command line. Nothing in one is ever cut: not where another program reads it, and not in a
narrow window, where text takes more lines, or each row becomes a few lines of its own."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.console import out

if TYPE_CHECKING:
    from rich.table import Table

_NARROWEST = 12
"""Columns of a window that text needs to be readable beside other cells."""
_BETWEEN = 3
"""Columns of a window from one cell to the next."""


class PlainTable:
    """A table without boxes. In a narrow window the columns `wrapped` take more lines."""

    def __init__(self, *headings: str, title: str = "", wrapped: Collection[str] = ()) -> None:
        self._headings = headings
        self._title = title
        self._wrapped = wrapped
        self._rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str) -> None:
        """Add a row of cells, which are rich markup: what comes from elsewhere is escaped."""
        self._rows.append(cells)

    def print(self) -> None:
        """Print it as there is room for it."""
        if self._title:
            out().print(f"[italic]{self._title}[/]")
        if not is_window():
            self._print_wide()
        elif self._least_width() <= out().width:
            out().print(self._as_table(), soft_wrap=False)
        else:
            self._print_rows()

    def _print_wide(self) -> None:
        """Each row in one line, however long, for a file or another program."""
        from rich.console import Console

        console = Console(highlight=False, width=sum(self._widths()) + _BETWEEN * len(self._headings) + 1)
        with console.capture() as printed:
            console.print(self._as_table())
        for line in printed.get().splitlines():
            click.echo(line.rstrip())

    def _print_rows(self) -> None:
        """Each row as lines of heading and value: side by side no cell would have room."""
        indent = max(map(len, self._headings[1:]), default=0)
        for first, *others in self._rows:
            out().print()
            out().print(f"[bold]{first}[/]")
            for heading, cell in zip(self._headings[1:], others, strict=True):
                if cell:
                    out().print(f"  {heading:<{indent}}  {cell}")
        out().print()

    def _widths(self) -> list[int]:
        """What each column has of the longest cell."""
        from rich.text import Text

        rows = [self._headings, *self._rows]
        return [max(Text.from_markup(row[number]).cell_len for row in rows) for number in range(len(rows[0]))]

    def _least_width(self) -> int:
        """The narrowest window in which the table is readable."""
        widths = zip(self._headings, self._widths(), strict=True)
        least = [min(width, _NARROWEST) if name in self._wrapped else width for name, width in widths]
        return sum(least) + _BETWEEN * len(least)

    def _as_table(self) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in self._headings:
            table.add_column(heading, no_wrap=heading not in self._wrapped, overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table


def is_window() -> bool:
    """Whether a person reads standard output, in a window that is so wide and no wider."""
    return sys.stdout.isatty()
