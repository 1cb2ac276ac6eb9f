"""A page that is one file: no network, light and dark, on paper too, and nothing in it that runs unless said.

What stands on it is escaped by whoever writes it, with `as_html`. A script is allowed by its hash only, so
that nothing that slipped into the page could run.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.core.filenames import with_ending
from imagegen_nb.core.redaction import visible

_BEGINNING = "<!doctype html>"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_LONGEST_HEAD = 500
"""Bytes in which a page's policy stands."""
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --dim: #55565c; --ground: #fff; --card: #f6f6f8;
  --line: #d3d4da; --good: #0b6b3a; --bad: #a3181f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e9ed; --dim: #b1b2ba; --ground: #17181b;
  --card: #212226; --line: #3d3f46; --good: #7fd6a3; --bad: #ff9d9d; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 24px clamp(12px, 4vw, 48px); background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 1.15rem; margin: 32px 0 12px; }
h3 { font-size: 1rem; margin: 0 0 8px; }
p, ul { margin: 4px 0; }
.dim { color: var(--dim); }
dl { display: grid; grid-template-columns: fit-content(45%) 1fr; gap: 2px 12px; margin: 0; }
dt { color: var(--dim); }
dd { margin: 0; white-space: pre-wrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0;
  border-bottom: 1px solid var(--line); min-width: 6em; overflow-wrap: break-word; }
@media print { :root { --ink: #000; --dim: #333; --ground: #fff; --card: #fff; --line: #999; --good: #000;
    --bad: #000; }
  body { padding: 0; font-size: 10pt; } th, td { min-width: 0; } .wide { overflow: visible; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def named(path: str | os.PathLike[str], error: Callable[[str], Exception]) -> Path:
    """Where a page is written: `sheet` becomes `sheet.html`. Raises `error` for a name that promises
    something else."""
    return with_ending(user_path(path, error), (".html", ".htm"), "this is an HTML page", error)


def is_there(path: Path) -> bool:
    """Whether one of these pages is at `path`, known by its policy, or an empty file: a newer page may
    replace it, and no page of others. Raises OSError."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begun = file.read(_LONGEST_HEAD).decode(errors="replace")
    return not begun or (begun.startswith(_BEGINNING) and _POLICY in begun)


def page(
    title: str, notes: Iterable[str], main: str, footer: str, *, style: str = "", script: str = ""
) -> str:
    """The whole document. `title`, `notes` and `footer` are text; `main` is HTML, `style` and `script` are
    added to the page's own."""
    lines = "".join(f"<li>{as_html(note)}</li>" for note in notes)
    policy, code = _POLICY, ""
    if script:
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy, code = f"{_POLICY}; script-src 'sha256-{digest}'", f"<script>{script}</script>\n"
    return (
        f'{_BEGINNING}\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # A browser would ask for /favicon.ico otherwise.
        f'<link rel="icon" href="data:,">\n<title>{as_html(title)}</title>\n<style>{_STYLE}{style}</style>\n'
        f"</head>\n<body>\n<header><h1>{as_html(title)}</h1><ul>{lines}</ul></header>\n<main>\n{main}</main>\n"
        f'<footer><p class="dim">{as_html(footer)}</p></footer>\n{code}</body>\n</html>\n'
    )


def section(heading: str, body: str) -> str:
    """A part of a page, of HTML; nothing where it has no heading."""
    return f"<section><h2>{heading}</h2>{body}</section>\n" if heading else ""


def as_html(words: str) -> str:
    """`words` as HTML that shows them."""
    return escape(visible(words))
