"""Cells of a sweep in an order, the best first, as a text and as a table of pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from html import escape
from typing import Generic, Protocol, TypeVar, overload

from imagegen_nb.core import images
from imagegen_nb.core.html_repr import html_output, wrapping
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.grid import picture

_PICTURES = 20
"""Rows with a picture; a saved notebook is to stay small."""
_TEXT_ROWS = 50
_PICTURE = 'style="height:96px;width:auto;max-width:none;border-radius:4px"'
"""Of equal height, so that a page shows many rows."""
_CELL = "vertical-align:top;text-align:left;padding:4px 12px 4px 0"


class Placed(Protocol):
    """A cell in its place; several can share one."""

    @property
    def place(self) -> int:
        """From 1 on."""
        ...

    @property
    def cell(self) -> Cell:
        """The cell."""
        ...


PlacedT = TypeVar("PlacedT", bound=Placed)


class Standings(Sequence[PlacedT], Generic[PlacedT]):
    """The cells, best first: `[0].cell` is the winner. It shows itself as a table."""

    title: str
    heads: tuple[str, ...]
    """What the columns after the cell are called."""
    _standing: Sequence[PlacedT]

    @overload
    def __getitem__(self, place: int) -> PlacedT: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[PlacedT]: ...
    def __getitem__(self, place: int | slice) -> PlacedT | Sequence[PlacedT]:
        try:
            return self._standing[place]
        except IndexError:
            reason = f"it has {len(self)}" if self else "; ".join(self._notes())
        raise IndexError(f"{self.title}[{place}]: {reason}")

    def __iter__(self) -> Iterator[PlacedT]:
        return iter(self._standing)

    def __len__(self) -> int:
        return len(self._standing)

    @abstractmethod
    def _notes(self) -> list[str]:
        """What there is to say of the whole."""

    @abstractmethod
    def _columns(self, one: PlacedT) -> tuple[str, ...]:
        """What stands in the columns after the cell."""

    def _place(self, one: PlacedT) -> str:
        return f"{one.place}"

    def _image(self, one: PlacedT) -> Asset:
        return one.cell.assets[0]

    def __repr__(self) -> str:
        lines = [self.title, *(f"  {note}" for note in self._notes())]
        rows = ([self._place(one), *self._columns(one), _name(one.cell)] for one in self[:_TEXT_ROWS])
        lines += [f"  {'  '.join(row)}" for row in rows]
        if (more := len(self) - _TEXT_ROWS) > 0:
            lines.append(f"  … and {counted(more, 'more cell')}: to_frame() has all")
        return visible("\n".join(lines))

    def _repr_html_(self) -> str:
        notes = "".join(f"<br>{escape(visible(note))}" for note in self._notes())
        top = f'<p style="margin:4px 0"><strong>{escape(self.title)}</strong>{notes}</p>'
        heads = ("place", "picture", "cell", *self.heads)
        head = "".join(f'<th scope="col" {_style(name)}>{escape(name)}</th>' for name in heads)
        rows = "".join(self._row(one) for one in self[:_PICTURES])
        table = f'<table class="ig-ranking" style="margin:0"><tr>{head}</tr>{rows}</table>' if rows else ""
        more = len(self) - _PICTURES
        rest = f'<p style="margin:4px 0">… and {counted(more, "more cell")}: to_frame() has all</p>'
        return html_output(f"{top}{table}{rest if more > 0 else ''}")

    def _row(self, one: PlacedT) -> str:
        name = visible(_name(one.cell))
        shown = picture(thumbnail(self._image(one), images.STATIC), name, _PICTURE)
        # A text may run from right to left, and would turn its neighbours around.
        texts = [visible(text) for text in (name, *self._columns(one))]
        columns = [
            (_style(place := self._place(one)), place),
            (_style(""), shown),
            *((_style(text), f"<bdi>{escape(text)}</bdi>") for text in texts),
        ]
        return f"<tr>{''.join(f'<td {style}>{column}</td>' for style, column in columns)}</tr>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _style(text: str) -> str:
    return f'style="{_CELL};{wrapping(text)}"'


def _name(cell: Cell) -> str:
    return f"cell {cell.number}  {cell.label}"
