"""A page of values to enter by hand, each with a button that copies it; one file that needs no network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain, user_path, write_durably
from imagegen_nb.core.html_page import as_html, page
from imagegen_nb.errors import StoreError

_STYLE = """
main { max-width: 1000px; }
.value { display: flex; gap: 8px; align-items: baseline; justify-content: space-between; }
.value code, .value pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13px/1.5 ui-monospace, monospace; }
table.form { width: 100%; }
table.form th { width: 13em; }
summary { cursor: pointer; padding: 6px 0; }
summary:focus-visible { outline: 2px solid var(--good); outline-offset: 2px; }
button { flex: none; font: inherit; font-size: 13px; padding: 2px 10px; border: 1px solid var(--line);
  border-radius: 6px; background: var(--card); color: var(--ink); cursor: pointer; min-height: 28px; }
button:focus-visible { outline: 2px solid var(--good); outline-offset: 2px; }
[hidden] { display: none; }
.note { color: var(--dim); font-size: 13px; }
.snippet { border: 1px solid var(--line); border-radius: 8px; padding: 12px; margin: 0 0 16px;
  background: var(--card); break-inside: avoid; }
@media (max-width: 600px) { table.form, table.form tbody, table.form tr, table.form th, table.form td {
    display: block; width: 100%; border: 0; padding: 0; }
  table.form tr { border-bottom: 1px solid var(--line); padding: 8px 0; } }
@media print { button { display: none; } }
"""
_SCRIPT = """
for (const button of document.querySelectorAll('button[data-copies]')) {
  const source = button.parentElement.querySelector('code');
  button.hidden = false;
  button.addEventListener('click', async () => {
    let said = 'Copied';
    try { await navigator.clipboard.writeText(source.textContent); }
    catch {
      getSelection().selectAllChildren(source);
      if (!document.execCommand('copy')) said = 'Selected';
    }
    button.textContent = said;
    button.setAttribute('aria-label', `${said} ${button.dataset.copies}`);
  });
}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A field of the form: its label, what to enter (empty: leave it), and what there is to know."""

    label: str
    value: str
    note: str = ""


def copy_page(title: str, notes: Sequence[str], body: str) -> str:
    """The page, readable without its script."""
    footer = f"Written by imagegen-nb {__version__}. The platform has no importer: this is for your hands."
    return page(title, notes, body, footer, style=_STYLE, script=_SCRIPT)


def write_page(path: str | os.PathLike[str], html: str) -> Path:
    """Write a page; an older one is replaced whole. Raises `StoreError`."""
    target = user_path(path, StoreError)
    try:
        write_durably(target, html.encode())
    except OSError as error:
        reason = explain(error)
    else:
        return target
    raise StoreError(f"cannot write {target}: {reason}")


def card(heading: str, rows: Sequence[Row], lines: Sequence[str]) -> str:
    """Some rows under a heading, and what there is to know of them."""
    told = "".join(f"<li>{as_html(line)}</li>" for line in lines)
    body = f'<h3>{as_html(heading)}</h3>{table(rows)}<ul class="note">{told}</ul>'
    return f'<article class="snippet">{body}</article>'


def table(rows: Sequence[Row]) -> str:
    """Rows with a button each."""
    lines = "".join(
        f'<tr><th scope="row">{as_html(row.label)}</th><td class="value-cell">{_value(row.value, row.label)}'
        f"{_note(row.note)}</td></tr>"
        for row in rows
    )
    return f'<table class="form"><tbody>{lines}</tbody></table>'


def _value(value: str, label: str) -> str:
    if not value:
        return '<span class="dim">leave it</span>'
    button = f'<button type="button" aria-label="Copy {as_html(label)}" '
    button += f'data-copies="{as_html(label)}" hidden>Copy</button>'
    return f'<div class="value"><code dir="auto">{as_html(value)}</code>{button}</div>'


def _note(note: str) -> str:
    return f'<div class="note">{as_html(note)}</div>' if note else ""
