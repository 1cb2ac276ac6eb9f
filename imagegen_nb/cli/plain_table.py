"""Tables of the command line. Nothing in one is ever cut: not where another program reads it, and not in a
narrow window, where text takes more lines, or each row becomes a few lines of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.console import out

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_NARROWEST = 14
"""Columns of a window that text needs to be readable beside other cells; a part of a model's name fits in."""
_BETWEEN = 2
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
            out().print(self._as_table(out().width), soft_wrap=False)
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
        indent = max(map(len, self._headings[1:]), default=0) + 2 * len("  ")
        for first, *others in self._rows:
            out().print()
            out().print(f"[bold]{self._headings[0]}: {first}[/]")
            for heading, cell in zip(self._headings[1:], others, strict=True):
                if cell:
                    room = out().width - indent if heading in self._wrapped else None
                    first_line, *more = self._lines(cell, room)
                    out().print(f"  {heading:<{indent - 2}}", first_line, sep="")
                    for line in more:
                        out().print(" " * indent, line, sep="")
        out().print()

    def _lines(self, cell: str, width: int | None) -> list[Text]:
        """The lines of a cell's text in so many columns; in one where they are as good as none."""
        from rich.text import Text

        if width is None or width < _NARROWEST:
            return [Text.from_markup(cell)]
        return list(Text.from_markup(_hyphenated(cell, width)).wrap(out(), width))

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

    def _widths_in(self, window: int) -> list[int]:
        """The columns in a window: those that wrap share what is left, and take no more than they need."""
        widths = self._widths()
        sharing = sorted(
            (number for number, name in enumerate(self._headings) if name in self._wrapped),
            key=lambda number: widths[number],
        )
        room = window - _BETWEEN * len(widths)
        room -= sum(width for number, width in enumerate(widths) if number not in sharing)
        for others, number in zip(range(len(sharing), 0, -1), sharing, strict=True):
            widths[number] = min(widths[number], room // others)
            room -= widths[number]
        return widths

    def _as_table(self, window: int | None = None) -> Table:
        """The table, in a window or as wide as it is."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        widths = self._widths() if window is None else self._widths_in(window)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, _BETWEEN - 1, 0, 0))
        for heading, width in zip(self._headings, widths, strict=True):
            table.add_column(heading, width=width, no_wrap=heading not in self._wrapped, overflow="fold")
        for row in self._rows:
            table.add_row(*map(_hyphenated, row, widths))
        return table


def _hyphenated(cell: str, width: int) -> str:
    """A cell in which words that are too long for a line, such as models' names, end at a hyphen."""

    def broken(word: re.Match[str]) -> str:
        lines = [""]
        for piece in re.findall(r"[^-]*-|[^-]+", word[0]):
            if lines[-1] and len(lines[-1]) + len(piece) > width:
                lines.append("")
            lines[-1] += piece
        return "\n".join(lines)

    return re.sub(rf"[^\s\[\]]{{{width + 1},}}", broken, cell)


def is_window() -> bool:
    """Whether a person reads standard output, in a window that is so wide and no wider."""
    return sys.stdout.isatty()
