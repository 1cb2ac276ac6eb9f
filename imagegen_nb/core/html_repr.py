"""How images and facts are shown without widgets: an HTML table and a plain text, both static.

Works in every notebook host, also untrusted, also without CSS. All text is escaped; the only
`src` ever written is a small inline WebP made here. Full-size bytes never enter a notebook. For hosts that
write out the tags they do not allow there is a list without pictures, in tags that all of them allow.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from rich import filesize

from imagegen_nb.core import larger_picture
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted

SHOWN_FIRST = "imagegen_nb.shown_first"
"""In the metadata of what stands below a widget: its text as its cell showed it, if it has changed since."""
_BREAKS = "overflow-wrap:break-word"
"""Long paths are broken. JupyterLab's sanitizer drops `anywhere`."""
_LONGEST_WORD = 24
"""Characters of a word or a number that stays in one piece in a table, whatever room it takes."""
NOT_MATHEMATICS = ("tex2jax_ignore", "mathjax_ignore")
"""Classes of an element within which a host typesets no mathematics: MathJax 2, as in pages that nbconvert
writes, and MathJax 3, as in JupyterLab. To both, what stands between two amounts in dollars is a formula."""
_COLUMNS = 4
_MOST_TILES = 24
_TILES_OF_MORE = 12


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture to show: its file name, alt text, the path later steps use (if any), and facts such as
    size and format. `thumbnail` makes a WebP when it is needed, or gives None, and `absent` is shown;
    `larger` makes a larger one, which the small one opens, or gives None."""

    name: str
    alt: str
    path: str
    facts: Sequence[str]
    thumbnail: Callable[[], bytes | None] = field(default=lambda: None, repr=False)
    absent: str = "image stored elsewhere"
    larger: Callable[[], bytes | None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What a static view shows: a heading with notes, settings as pairs of label and value, pictures, which
    are the first of `total`, and lines below them."""

    title: str
    notes: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    total: int = 0
    settings: Sequence[tuple[str, str]] = ()
    below: Sequence[str] = ()

    def html(self) -> str:
        """A table of the pictures under a line with title and notes. They open larger by a click or Enter,
        without a script, where they are not too many for a notebook."""
        heading = f"<strong>{escape(self.title)}</strong>"
        lines = "".join(f"<br>{escape(note)}" for note in self.notes)
        # The small ones first: out of a larger one that is there already, one is made with other bytes.
        small = [tile.thumbnail() for tile in self.tiles]
        larger = larger_picture.within_limit((n, tile.larger()) for n, tile in enumerate(self.tiles)) or {}
        cells = [_cell(tile, small[n], larger.get(n)) for n, tile in enumerate(self.tiles)]
        rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
        body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
        opens = f"<style>{larger_picture.STYLE}</style>" if larger else ""
        # Columns of equal width that shrink with the page; without CSS the pictures have their own width.
        style = f"table-layout:fixed;width:100%;max-width:{_COLUMNS * 272}px;border-spacing:8px;margin:0"
        table = f'<table class="ig-tiles" style="{style}">{body}</table>' if self.tiles else ""
        rest = "".join(f'<p style="margin:4px 0">{escape(line)}</p>' for line in self._rest())
        top = f'<p style="margin:4px 0">{heading}{lines}</p>{self._settings()}'
        return html_output(f"{opens}{top}{table}{rest}")

    def plain_html(self) -> str:
        """The page without pictures, in tags that every sanitizer allows."""
        lines = "".join(f"<div>{escape(line)}</div>" for line in self.notes)
        pictures = _list([_words(tile) for tile in self.tiles], "ol")
        rest = "".join(f"<div>{escape(line)}</div>" for line in self._rest())
        heading = f"<div><strong>{escape(self.title)}</strong></div>"
        return f'<div style="{_BREAKS}">{heading}{lines}{self._settings()}{pictures}{rest}</div>'

    def text(self) -> str:
        """The page as a few lines of text, one a picture."""
        lines = [self.title, *(f"  {note}" for note in self.notes)]
        lines.extend(f"  {label}: {value}" for label, value in self.settings)
        lines.extend(
            "  ".join(["", *filter(None, [tile.path]), tile.name, *tile.facts]) for tile in self.tiles
        )
        lines.extend(f"  {line}" for line in self._rest())
        return visible("\n".join(lines))

    def _settings(self) -> str:
        pairs = [f"<strong>{escape(label)}</strong>: {escape(value)}" for label, value in self.settings]
        return _list(pairs, "ul")

    def _rest(self) -> list[str]:
        """What is said below the pictures, first of all of those that are not among them."""
        more = self.total - len(self.tiles)
        unseen = f"… and {counted(more, 'more image')}, not shown here"
        return [*([unseen] if more > 0 else []), *self.below]


def html_output(body: str, kind: str = "ig-static") -> str:
    """The HTML of an output, whatever shows itself: `body`, which is HTML already, and `kind` its class. Its
    text is shown as it is, without mathematics."""
    return f'<div class="{" ".join((kind, *NOT_MATHEMATICS))}">{body}</div>'


def tiles_shown(total: int) -> int:
    """How many of `total` pictures stand in a static table; of very many a few, as a sample."""
    return total if total <= _MOST_TILES else _TILES_OF_MORE


def html(title: str, notes: Sequence[str], tiles: Sequence[Tile], total: int = 0) -> str:
    """A page without settings as HTML."""
    return Page(title, notes, tiles, total).html()


def text(title: str, notes: Sequence[str], tiles: Sequence[Tile], total: int = 0) -> str:
    """A page without settings as text."""
    return Page(title, notes, tiles, total).text()


def _cell(tile: Tile, thumbnail: bytes | None, larger: bytes | None) -> str:
    if thumbnail is None:
        picture = f"<em>{escape(tile.absent)}</em><br>"
    else:
        picture = _picture(thumbnail, tile.alt, "max-width:100%;height:auto;border-radius:4px")
        if larger is None:
            picture += "<br>"
        else:  # a block, with a line of its own
            picture = larger_picture.opening(picture, _picture(larger, tile.alt, "max-width:none"))
    facts = " · ".join(escape(fact) for fact in tile.facts)
    path = f"<br><small>{_code('{{' + tile.path + '}}')}</small>" if tile.path else ""
    return (
        f'<td width="{100 // _COLUMNS}%" style="vertical-align:top;text-align:left;{_BREAKS}">'
        f"{picture}{escape(tile.name)}<br><small>{facts}</small>{path}</td>"
    )


def _picture(data: bytes, alt: str, style: str) -> str:
    source = b64encode(data).decode()
    return f'<img src="data:image/webp;base64,{source}" alt="{escape(alt)}" style="{style}">'


def _words(tile: Tile) -> str:
    """What is said of a picture in a list."""
    path = _code("{{" + tile.path + "}}") if tile.path else ""
    return " · ".join([escape(tile.name), *map(escape, tile.facts), *filter(None, [path])])


def _list(lines: Sequence[str], kind: str) -> str:
    """A list of lines that are HTML already. A sanitizer may drop the styles, which only make it fit.

    No table: a parser puts a `tbody` into it, which nbconvert does not allow and writes out.
    """
    if not lines:
        return ""
    style = "margin:4px 0;padding-left:2em;white-space:pre-wrap"
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<{kind} style="{style}">{items}</{kind}>'


def _code(text: str) -> str:
    return f'<code style="white-space:normal;{_BREAKS}">{escape(text)}</code>'


def wrapping(text: str) -> str:
    """The style of a table's cell with this text: only what is longer than any word is broken inside."""
    if max(map(len, text.split(" "))) <= _LONGEST_WORD:  # what a no-break space joins is one word
        return "overflow-wrap:normal;word-break:normal"
    return "overflow-wrap:anywhere;min-width:12em"


def byte_size(count: int) -> str:
    """`count` bytes in words, in powers of 1000: 812 bytes, 34.1 kB, 1.4 MB."""
    return filesize.decimal(count)
