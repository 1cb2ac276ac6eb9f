"""Values to enter by hand, each easily copied: as a page that needs no network, and within a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core import html_page
from imagegen_nb.core.atomic_files import explain, explain_writing, write_durably
from imagegen_nb.core.html_page import as_html, page, section
from imagegen_nb.core.html_repr import html_output
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
_IN_NOTEBOOK = """
.ig-sheet { max-width: 1000px; container-type: inline-size;
  --dim: color-mix(in srgb, currentColor 72%, transparent);
  --line: var(--jp-border-color2, color-mix(in srgb, currentColor 25%, transparent)); }
.ig-sheet .ig-sheet-head { margin: 16px 0 4px; font-weight: 600; font-size: 1.15em; }
.ig-sheet .ig-sheet-note, .ig-sheet .ig-sheet-notes { color: var(--dim); font-size: .92em; }
.ig-sheet.ig-sheet.ig-sheet table { width: 100%; max-width: none; margin: 0; border-collapse: collapse;
  table-layout: fixed; font-size: inherit; }
.ig-sheet.ig-sheet.ig-sheet tr { background: none; }
.ig-sheet.ig-sheet.ig-sheet :is(th, td) { padding: 4px 12px 4px 0; text-align: left; vertical-align: top;
  white-space: normal; border: 0; border-bottom: 1px solid var(--line); }
.ig-sheet.ig-sheet.ig-sheet th { width: 13em; font-weight: 600; }
.ig-sheet.ig-sheet code { display: inline-block; max-width: 100%; box-sizing: border-box; padding: 1px 6px;
  user-select: all; -webkit-user-select: all; cursor: copy; white-space: pre-wrap; overflow-wrap: anywhere;
  border: 1px solid var(--line); border-radius: 4px; background: none; color: inherit; }
.ig-sheet .ig-sheet-card { border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px;
  margin: 8px 0; }
.ig-sheet .ig-sheet-card > .ig-sheet-head { margin-top: 0; font-size: 1em; }
.ig-sheet .ig-sheet-card table tr:last-child > :is(th, td) { border-bottom: 0; }
.ig-sheet .ig-sheet-card ul { margin: 4px 0 0; }
.ig-sheet summary { cursor: pointer; padding: 4px 0; }
@container (max-width: 480px) {
  .ig-sheet.ig-sheet.ig-sheet.ig-sheet :is(table, tbody, tr, th, td) {
    display: block; width: auto; padding: 0; }
  .ig-sheet.ig-sheet.ig-sheet.ig-sheet th { border: 0; }
  .ig-sheet.ig-sheet.ig-sheet.ig-sheet td { padding-bottom: 8px; margin-bottom: 8px; }
}
"""
_CELL = 'style="text-align:left;vertical-align:top;overflow-wrap:break-word"'
"""Of a place in a notebook's table, where a sanitizer took the style sheet away."""
_HOW_TO_COPY = "A click on a value selects the whole of it, to be copied."


@dataclass(frozen=True, slots=True)
class Row:
    """A field of the form: its label, what to enter (empty: leave it), and what there is to know."""

    label: str
    value: str
    note: str = ""


class CopyPage:
    """A page of its own: sections of rows and cards, each value with a button that copies it. What it is made
    of is HTML already, but for `Row`, headings and notes, which are text."""

    _table, _note_class = '<table class="form">', "note"
    _label_cell, _value_cell = '<th scope="row">', '<td class="value-cell">'

    def whole(self, title: str, notes: Sequence[str], body: str) -> str:
        """All of it, readable without its script."""
        footer = (
            f"Written by imagegen-nb {__version__}. The platform has no importer: this is for your hands."
        )
        return page(title, notes, body, footer, style=_STYLE, script=_SCRIPT)

    def section(self, heading: str, body: str) -> str:
        """A part with its heading."""
        return section(as_html(heading), body)

    def card(self, heading: str, rows: Sequence[Row], lines: Sequence[str]) -> str:
        """Some rows under a heading, and what there is to know of them."""
        body = f'<h3>{as_html(heading)}</h3>{self.table(rows)}<ul class="note">{_items(lines)}</ul>'
        return f'<article class="snippet">{body}</article>'

    def table(self, rows: Sequence[Row]) -> str:
        """Rows of a label, its value and what there is to know of it."""
        lines = "".join(
            f"<tr>{self._label_cell}{as_html(row.label)}</th>{self._value_cell}{self._value(row)}"
            f"{_note(row.note, self._note_class)}</td></tr>"
            for row in rows
        )
        return f"{self._table}<tbody>{lines}</tbody></table>"

    def _value(self, row: Row) -> str:
        if not row.value:
            return '<span class="dim">leave it</span>'
        label = as_html(row.label)
        button = f'<button type="button" aria-label="Copy {label}" data-copies="{label}" hidden>Copy</button>'
        return f'<div class="value"><code dir="auto">{as_html(row.value)}</code>{button}</div>'


class NotebookPart(CopyPage):
    """The same within a notebook, which runs no script of an output: a click selects a value. Its headings
    are none of the notebook's own, whose table of contents would list them."""

    _table, _note_class = "<table>", "ig-sheet-note"
    _label_cell, _value_cell = f'<th {_CELL} scope="row">', f"<td {_CELL}>"

    def whole(self, title: str, notes: Sequence[str], body: str) -> str:
        """All of it, with its style, which reaches nothing else."""
        told = f'<ul class="ig-sheet-notes">{_items([*notes, _HOW_TO_COPY])}</ul>'
        return html_output(f"<style>{_IN_NOTEBOOK}</style>{_heading(title)}{told}{body}", "ig-sheet")

    def section(self, heading: str, body: str) -> str:
        """A part with its heading."""
        return f"{_heading(heading)}{body}"

    def card(self, heading: str, rows: Sequence[Row], lines: Sequence[str]) -> str:
        """Some rows under a heading, and what there is to know of them."""
        told = f'<ul class="ig-sheet-note">{_items(lines)}</ul>' if lines else ""
        return f'<div class="ig-sheet-card">{_heading(heading)}{self.table(rows)}{told}</div>'

    def _value(self, row: Row) -> str:
        if not row.value:
            return "<em>leave it</em>"
        return f'<code dir="auto" style="white-space:pre-wrap">{as_html(row.value)}</code>'


PAGE = CopyPage()
IN_NOTEBOOK = NotebookPart()


def page_path(path: str | os.PathLike[str]) -> Path:
    """Where `write_page` would write. Raises `StoreError` where that would be refused."""
    target = html_page.named(path, StoreError)
    try:
        if not target.exists() or html_page.is_there(target):
            return target
        reason = "something else is there; give another name"
    except OSError as error:
        reason = explain(error)
    raise StoreError(f"cannot write {target}: {reason}")


def write_page(path: str | os.PathLike[str], html: str) -> Path:
    """Write a page; an older one is replaced whole. Raises `StoreError`, or where anything else is there."""
    target = page_path(path)
    try:
        write_durably(target, html.encode())
        return target
    except OSError as error:
        reason = explain_writing(error, target.parent)
    raise StoreError(f"cannot write {target}: {reason}")


def _heading(text: str) -> str:
    return f'<div class="ig-sheet-head"><strong>{as_html(text)}</strong></div>'


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{as_html(line)}</li>" for line in lines)


def _note(note: str, name: str) -> str:
    return f'<div class="{name}">{as_html(note)}</div>' if note else ""
