"""How images and facts are shown without widgets: an HTML table and a plain text, both static.

Works in every notebook host, also untrusted, also without CSS. All text is escaped; the only
`src` ever written is a small inline WebP made here. Full-size bytes never enter a notebook.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from rich import filesize

from imagegen_nb.core.redaction import visible

_COLUMNS = 4
_MOST_TILES = 24
_TILES_OF_MORE = 12


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture to show: its file name, alt text, the path later steps use (if any), and facts such as
    size and format. `thumbnail` makes a WebP when it is needed, or gives None, and `absent` is shown."""

    name: str
    alt: str
    path: str
    facts: Sequence[str]
    thumbnail: Callable[[], bytes | None] = field(default=lambda: None, repr=False)
    absent: str = "image stored elsewhere"


def tiles_shown(total: int) -> int:
    """How many of `total` pictures stand in a static table; of very many a few, as a sample."""
    return total if total <= _MOST_TILES else _TILES_OF_MORE


def html(title: str, notes: Sequence[str], tiles: Sequence[Tile], total: int = 0) -> str:
    """A table of `tiles` under a line with `title` and `notes`. They are the first of `total` images."""
    heading = f"<strong>{escape(title)}</strong>"
    lines = "".join(f"<br>{escape(note)}" for note in notes)
    rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    # Columns of equal width that shrink with the page; without CSS the pictures have their own width.
    style = f"table-layout:fixed;width:100%;max-width:{_COLUMNS * 272}px;border-spacing:8px;margin:0"
    table = f'<table class="ig-tiles" style="{style}">{body}</table>' if tiles else ""
    rest = "".join(f'<p style="margin:4px 0">{line}</p>' for line in _rest(tiles, total))
    return f'<div class="ig-static"><p style="margin:4px 0">{heading}{lines}</p>{table}{rest}</div>'


def _cell(tile: Tile) -> str:
    thumbnail = tile.thumbnail()
    if thumbnail is None:
        picture = f"<em>{escape(tile.absent)}</em>"
    else:
        source = b64encode(thumbnail).decode()
        picture = (
            f'<img src="data:image/webp;base64,{source}" alt="{escape(tile.alt)}" '
            'style="max-width:100%;height:auto;border-radius:4px">'
        )
    facts = " · ".join(escape(fact) for fact in tile.facts)
    path = f"<br><small>{_code('{{' + tile.path + '}}')}</small>" if tile.path else ""
    return (
        f'<td width="{100 // _COLUMNS}%" style="vertical-align:top;text-align:left;overflow-wrap:anywhere">'
        f"{picture}<br>{escape(tile.name)}<br><small>{facts}</small>{path}</td>"
    )


def _code(text: str) -> str:
    return f'<code style="white-space:normal;overflow-wrap:anywhere">{escape(text)}</code>'


def text(title: str, notes: Sequence[str], tiles: Sequence[Tile], total: int = 0) -> str:
    """The same as a few lines of text, one a picture."""
    lines = [title, *(f"  {note}" for note in notes)]
    lines.extend("  ".join(["", *filter(None, [tile.path]), tile.name, *tile.facts]) for tile in tiles)
    lines.extend(f"  {line}" for line in _rest(tiles, total))
    return visible("\n".join(lines))


def _rest(tiles: Sequence[Tile], total: int) -> list[str]:
    """What to say of the images that are not among `tiles`."""
    more = total - len(tiles)
    return [f"… and {more:,} more image{'' if more == 1 else 's'}, not shown here"] if more > 0 else []


def byte_size(count: int) -> str:
    """`count` bytes in words, in powers of 1000: 812 bytes, 34.1 kB, 1.4 MB."""
    return filesize.decimal(count)
