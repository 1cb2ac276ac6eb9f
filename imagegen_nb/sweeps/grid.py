"""A sweep as a static table of pictures: it needs no kernel, no script and no style sheet.

One axis runs down and one across; what else varies stands inside the cells. Words that not all values of an
axis have are marked, so that it shows what differs in ten long prompts.
"""

from __future__ import annotations

import importlib
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from imagegen_nb.core import images, larger_picture
from imagegen_nb.core.html_repr import html_output, wrapping
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.marks import opinions_in_short
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.sweeps.axes import INPUTS, label
from imagegen_nb.sweeps.cell import Cell, CellSource

_WORDS = re.compile(r"\s+|\w+(?:[-.]\w+)*|[^\w\s]")
"""A name such as gpt-image-2 is one word: half of it tells nobody anything."""
_LONGEST = 300
"""Characters of a value at the edge of the table."""
_LONGEST_REASON = 200
_NONE_LARGER = "Too many pictures to open larger here: only=[cells] shows some that do, sweep.report all"
_TEXT_ROWS = 50
"""Cells that the text has a line for."""
_EDGE = "vertical-align:top;text-align:left;max-width:220px;padding:4px 8px 4px 0"
_INSIDE = 'style="vertical-align:top;text-align:left;overflow-wrap:anywhere;min-width:7em;padding:4px"'
_WORDS_INSIDE = 'style="max-width:264px"'  # not of the place itself, which a larger picture widens
_LARGER = 'style="max-width:none"'
_PICTURE = 'style="max-width:100%;height:auto;border-radius:4px"'
_MARK = 'style="background:transparent;color:inherit;font-weight:bold;text-decoration:underline"'


Pieces = list[tuple[bool, str]]
"""A text in pieces, each with whether it is marked as one that not all have."""
Edge = list[tuple[str, Pieces]]
"""What stands at the edge of a row or a column: its value on each axis by the axis' name."""


class Layout(NamedTuple):
    """What stands where: the columns' edges (none without columns), and of each row its edge and the cells in
    each column. `more` says what is not shown."""

    columns: list[Edge]
    rows: list[tuple[Edge, list[list[Cell]]]]
    more: str


class Grid:
    """Cells of a sweep as rows and columns. It shows itself in a notebook, and prints as a list.

    In a notebook with a kernel it is live: pictures open at their largest, stars, notes and picks are made in
    it, and failed cells are run again. Saved, or without a kernel, it is the static table of `html()`, whose
    pictures open larger where they are not too many.
    """

    def __init__(
        self, sweep: CellSource, cells: list[Cell], rows: str | None, columns: str | None, most: int
    ) -> None:
        if type(most) is not int or most < 0:
            raise InvalidOption(f"most = {most!r}: give a whole number, 0 or more")
        if rows is not None and rows == columns:
            raise InvalidOption(f"rows and columns are both {rows}: give two axes, or one")
        self.sweep = sweep
        self.cells = cells
        self.rows, self.columns = _placed(sweep, rows, columns)
        self._most = most

    @property
    def inside(self) -> tuple[str, ...]:
        """The axes that neither run down nor across."""
        return tuple(axis for axis in self.sweep.axes if axis not in (*self.rows, *self.columns))

    def html(self) -> str:
        """The table."""
        heading = f"<strong>{escape(self.sweep.title)}</strong>"
        notes = "".join(f"<br>{escape(note)}" for note in self.sweep.notes())
        layout, larger = self.layout(), self._larger()
        style = f"<style>{larger_picture.STYLE}</style>" if larger else ""
        more = [layout.more, "" if larger is not None else _NONE_LARGER]
        return html_output(
            f'{style}<p style="margin:4px 0">{heading}{notes}</p>'
            f"{self._table(layout, larger or {})}{''.join(map(_paragraph, more))}"
        )

    def layout(self) -> Layout:
        """What stands where, of the cells that may be shown."""
        cells, more = self._within_limit()
        by_place: dict[str, dict[str, list[Cell]]] = {}
        across: dict[str, Cell] = {}
        for cell in cells:
            row, column = _key(cell, self.rows), _key(cell, self.columns)
            by_place.setdefault(row, {}).setdefault(column, []).append(cell)
            across.setdefault(column, cell)
        down = (next(iter(columns.values()))[0] for columns in by_place.values())
        inner = ([columns.get(column, []) for column in across] for columns in by_place.values())
        return Layout(
            _edges(across.values(), self.columns) if self.columns else [],
            list(zip(_edges(down, self.rows), inner, strict=True)),
            more,
        )

    @property
    def shown(self) -> list[Cell]:
        """The cells whose pictures may stand in a notebook."""
        return self._within_limit()[0]

    def _within_limit(self) -> tuple[list[Cell], str]:
        """The cells whose pictures may stand in a notebook, and what to say of the others."""
        shown, pictures = list[Cell](), 0
        for cell in self.cells:
            pictures += len(cell.assets)
            if shown and pictures > self._most:
                break
            shown.append(cell)
        more = len(self.cells) - len(shown)
        hint = "only=[cells] and most=… show others, to_frame() all of them"
        return (
            shown,
            f"… and {counted(more, 'more cell')}, not shown here: {hint}" if more else "",
        )

    def _larger(self) -> dict[str, bytes] | None:
        """The larger pictures by their assets' ids; None where they are too many for a notebook."""
        assets = (asset for cell in self.shown for asset in cell.assets)
        return larger_picture.within_limit((asset.id, thumbnail(asset, images.LIVE)) for asset in assets)

    def _table(self, layout: Layout, larger: Mapping[str, bytes]) -> str:
        if not layout.rows:
            return _paragraph("no such cells")
        head = ""
        if layout.columns:
            edges = "".join(f"<td {_edge_style(edge)}>{_edge(edge)}</td>" for edge in layout.columns)
            head = f"<tr><td {_edge_style([])}></td>{edges}</tr>"
        lines = []
        for edge, columns in layout.rows:
            inside = ("".join(self._cell(cell, larger) for cell in cells) for cells in columns)
            inner = "".join(f"<td {_INSIDE}>{cells}</td>" for cells in inside)
            lines.append(f"<tr><td {_edge_style(edge)}>{_edge(edge)}</td>{inner}</tr>")
        return f'<table class="ig-grid" style="margin:0">{head}{"".join(lines)}</table>'

    def _cell(self, cell: Cell, larger: Mapping[str, bytes]) -> str:
        named = cell.label_of(self.inside)
        alt = f"cell {cell.number}: {cell.label}"
        pictures = "".join(_opening(asset, alt, larger.get(asset.id)) for asset in cell.assets)
        facts = [f"{cell.number}", *([named] if named else [])]
        told = [escape(fact) for fact in facts] + [
            # What has no picture must not be overlooked between those that have.
            f"<strong>{escape(fact)}</strong>" if place == 0 and not cell.assets else escape(fact)
            for place, fact in enumerate(facts_of(cell))
        ]
        # A note may be in a script that runs from right to left, and would turn its neighbours around.
        told += [f"<bdi>{escape(opinion)}</bdi>" for opinion in _opinions(cell)]
        words = f"<div {_WORDS_INSIDE}><small>{' · '.join(told)}</small></div>"
        return f'<div style="margin:0 0 8px">{pictures}{words}</div>'

    def text(self) -> str:
        """The cells as lines of text, without anything that changes between equal sweeps."""
        lines = [self.sweep.title, *(f"  {note}" for note in self.sweep.notes())]
        for cell in self.cells[:_TEXT_ROWS]:
            facts = [*facts_of(cell), *_opinions(cell)]
            facts += [fact for asset in cell.assets for fact in asset.facts()]
            lines.append(f"  {cell.number}  {'  '.join([cell.label, *facts])}")
        if (more := len(self.cells) - _TEXT_ROWS) > 0:
            lines.append(f"  … and {more:,} more cells")
        return visible("\n".join(lines))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}

    def _ipython_display_(self) -> None:
        # By name: a grid lies below the widgets, and needs none of them for anything else.
        importlib.import_module("imagegen_nb.widgets.sweep_grid").show(self)


def _placed(
    sweep: CellSource, rows: str | None, columns: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which axes run down and which across. What came as rows runs down together."""
    together = tuple(axis for axis in sweep.axes if axis in sweep._of_rows)
    free = [axis for axis in sweep.axes if axis not in (*together, rows, columns)]
    if rows is not None:
        down: tuple[str, ...] = (rows,)
    elif together and columns not in together:
        down = together
    else:
        down = (free.pop(0),) if free else ()
    if columns is not None:
        across: tuple[str, ...] = (columns,)
    elif free:
        across = (free.pop(0),)
    else:
        across = ("repeat",) if sweep.repeats > 1 and "repeat" not in down else ()
    return down, across


def _value(cell: Cell, axis: str) -> object:
    return cell.repeat if axis == "repeat" else cell.values[axis]


def _key(cell: Cell, axes: Sequence[str]) -> str:
    return "\0".join(label(_value(cell, axis)) for axis in axes)


def _edges(cells: Iterable[Cell], axes: Sequence[str]) -> list[Edge]:
    """What stands at the edge of the table for each of `cells`."""
    given = list(cells)
    columns = []
    for axis in axes:
        values = marked_pieces([label(_value(cell, axis)) for cell in given])
        columns.append([(axis.removeprefix(INPUTS), pieces) for pieces in values])
    return [list(parts) for parts in zip(*columns, strict=True)] if columns else [[] for _ in given]


def _edge_style(edge: Edge) -> str:
    texts = (f"{axis} {''.join(text for _, text in pieces)}" for axis, pieces in edge)
    return f'style="{_EDGE};{wrapping(" ".join(texts))}"'


def _edge(edge: Edge) -> str:
    return "<br>".join(f"<small>{escape(axis)}</small> {_as_html(pieces)}" for axis, pieces in edge)


def marked(texts: Sequence[str], longest: int = _LONGEST) -> list[str]:
    """Each text as HTML, with the words that not all of them have marked."""
    return [_as_html(pieces) for pieces in marked_pieces(texts, longest)]


def marked_pieces(texts: Sequence[str], longest: int = _LONGEST) -> list[Pieces]:
    """Each text in pieces, with the words that not all of them have marked; nothing where they share none.
    It is cut after `longest` characters."""
    words = [_WORDS.findall(text) for text in texts]
    shared = set(words[0]).intersection(*words[1:]) if words else set()
    shares_words = len(texts) > 1 and any(word.strip() and word[0].isalnum() for word in shared)
    return [_cut(parts, shared if shares_words else None, longest) for parts in words]


def _cut(words: Sequence[str], shared: set[str] | None, longest: int) -> Pieces:
    """The words up to a length. Neighbouring marked ones have one mark."""
    pieces, length = Pieces(), 0
    for word in words:
        if length + len(word) > longest:
            pieces.append((False, word[: longest - length] + "…"))
            break
        length += len(word)
        is_marked = shared is not None and word not in shared
        if pieces and (pieces[-1][0] == is_marked or (not word.strip() and pieces[-1][0])):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + word)
        else:
            pieces.append((is_marked, word))
    return [part for piece in pieces for part in _apart(*piece)]


def _apart(is_marked: bool, text: str) -> Pieces:
    """A piece, the blanks behind what is marked by themselves."""
    inner = text.rstrip() if is_marked else text
    return [(is_marked, inner), *([(False, text[len(inner) :])] if inner != text else [])]


def _as_html(pieces: Pieces) -> str:
    return "".join(f"<mark {_MARK}>{escape(text)}</mark>" if on else escape(text) for on, text in pieces)


def _opening(asset: Asset, alt: str, larger: bytes | None) -> str:
    """An image's small picture on a line of its own, which opens the larger one where there is one."""
    small = thumbnail(asset, images.STATIC)
    if small is None or larger is None:
        return picture(small, alt)
    small_picture = inline_picture(small, alt, _PICTURE)
    return larger_picture.opening(small_picture, inline_picture(larger, alt, _LARGER))


def picture(data: bytes | None, alt: str, style: str = _PICTURE) -> str:
    """A thumbnail as HTML on a line of its own, or that there is none here."""
    return f"{inline_picture(data, alt, style)}<br>"


def inline_picture(data: bytes | None, alt: str, style: str) -> str:
    """The same within a line."""
    if data is None:
        return "<em>image stored elsewhere</em>"
    source = f"data:image/webp;base64,{b64encode(data).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" {style}>'


def facts_of(cell: Cell) -> list[str]:
    """What is said of a cell beside its picture."""
    result = cell.result
    facts: list[str] = [] if result.outcome == "done" else [result.outcome]
    if result.outcome == "unknown":
        facts = ["charge unknown"]
    if result.error:
        facts.append(
            result.error if len(result.error) <= _LONGEST_REASON else f"{result.error[:_LONGEST_REASON]}…"
        )
    facts += ["reused"] if result.reused else []
    run = cell.run if result.outcome in ("done", "partial") else None
    # While recording too: a replay costs nothing, and shows the same.
    return facts if run is None or run.cassette is not None else [*facts, run.cost.short]


def _opinions(cell: Cell) -> list[str]:
    """What people and judges said of a cell."""
    return [*(["picked"] if cell.picked else []), *opinions_in_short(cell.assets)]


def _paragraph(text: str) -> str:
    return f'<p style="margin:4px 0">{escape(text)}</p>' if text else ""
