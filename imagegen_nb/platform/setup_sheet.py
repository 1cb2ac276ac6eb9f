"""`sheet`: what to enter in the platform's form, in its order and under its labels, as a page and as text.

The platform has no importer: whoever builds the workflow there types, or copies from this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain, user_path, write_durably
from imagegen_nb.core.html_page import as_html, page, section
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import counted
from imagegen_nb.errors import StoreError
from imagegen_nb.platform.snippets import Wiring, wiring
from imagegen_nb.platform.source import Source, definition_of, identifier_of, kinds_of, shown
from imagegen_nb.providers import catalog
from imagegen_nb.step import output_references
from imagegen_nb.step.output_references import OutputPath
from imagegen_nb.step_file.document import StepDefinition

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
_FAILS = {
    "terminate": "where the step fails the workflow ends, and no later step runs",
    "continue": (
        "where the step fails the later steps run; what they see then is documented nowhere: here it is the "
        "same object, with the images that did come and an error"
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A field of the form: its label, what to enter (empty: leave it), and what there is to know."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class SetupSheet:
    """All that is to be entered; shows itself as text, and is saved as a page."""

    title: str
    notes: tuple[str, ...]
    settings: tuple[Row, ...]
    inputs: tuple[Row, ...]
    references: tuple[OutputPath, ...]
    wiring: Wiring

    def __repr__(self) -> str:
        return visible("\n".join(self._lines())).rstrip()

    def _lines(self) -> Iterator[str]:
        yield self.title
        yield from (f"  {note}" for note in self.notes)
        for heading, rows in (("The form", self.settings), ("Start inputs", self.inputs)):
            yield from ("", heading)
            for row in rows:
                # A prompt of several lines stays one entry to the eye.
                value = row.value.replace("\n", "\n    ") or "(leave it)"
                yield f"  {row.label}: {value}{f'   ({row.note})' if row.note else ''}"
        yield from ("", "Later steps", "")
        yield from (f"  {line}".rstrip() for line in self.wiring.lines())
        yield "All that later steps can refer to"
        yield from (f"  {one.template}  {one.type}" for one in self.references)

    def html(self) -> str:
        """The page: one file, without network, readable without its script."""
        parts = [
            section("The form", _table(self.settings)),
            section(
                "Start inputs",
                _table(self.inputs) if self.inputs else "<p>None: the prompt has no variables.</p>",
            ),
            section("Later steps", "".join(_snippets(self.wiring))),
            section("All that later steps can refer to", _paths(self.references)),
        ]
        footer = (
            f"Written by imagegen-nb {__version__}. The platform has no importer: this is for your hands."
        )
        return page(self.title, self.notes, "".join(parts), footer, style=_STYLE, script=_SCRIPT)

    def _repr_html_(self) -> str:
        lines = as_html("\n".join(self._lines()))
        return f'<pre style="white-space:pre-wrap">{lines}</pre>'

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; an older one is replaced whole. Raises `StoreError`."""
        target = user_path(path, StoreError)
        try:
            write_durably(target, self.html().encode())
        except OSError as error:
            reason = explain(error)
        else:
            return target
        raise StoreError(f"cannot write {target}: {reason}")


@helpful_calls
def sheet(source: Source, *, identifier: str | None = None) -> SetupSheet:
    """The sheet for a step: of a step file by its path, or at hand as step or run.

    `identifier` is the step's name on the platform, by default the file's own. Keys in what it says are
    masked. Raises `DefinitionError`, and `InvalidOption` for the name.
    """
    definition = definition_of(source)
    name, step = identifier_of(definition, identifier), definition.step
    heading = step.name or "Image Generation step"
    notes = [f"Image Generation step, identifier {name}, model {step.model}"]
    if not step.entry.model.offered:
        notes.append(f"{step.model} is not on the platform's own list of models")
    notes += [note for note in (step.lifecycle_note, step.declaration_note) if note]
    references = output_references.paths(step, identifier=name)
    return SetupSheet(
        title=_clean(heading),
        notes=tuple(map(_clean, notes)),
        settings=tuple(_settings(definition)),
        inputs=tuple(_inputs(definition)),
        references=tuple(one for one in references if one.type != "object"),
        wiring=wiring(definition, identifier=name),
    )


def _clean(text: str) -> str:
    cleaned: str = without_keys(text, catalog.keys_in_use())
    return cleaned


def _settings(definition: StepDefinition) -> Iterator[Row]:
    step, kinds = definition.step, kinds_of(definition)
    model = step.entry.model
    idle = model.idle(step.settings())
    labels = type(step).labels()
    # Its form has the model at the top, since that decides which other fields there are.
    for key, common in {"model": labels["model"], **labels}.items():
        label = (model.labels or {}).get(key, common)
        if key == "model":
            yield Row(label, step.model)
            continue
        kind = kinds.get(key)
        if kind is None:
            continue  # the form hides it for this model
        value = getattr(step, key)
        if key in idle:
            yield Row(label, "", "cannot be edited beside the other settings")
        elif value is None:
            default = f"; the default is {shown(kind.default, kind)}" if kind.default is not None else ""
            yield Row(label, "", f"not set{default}")
        else:
            note = _FAILS[step.on_failure] if key == "on_failure" else ""
            yield Row(label, _clean(shown(value, kind)), note)


def _inputs(definition: StepDefinition) -> Iterator[Row]:
    """The Start inputs that the prompt needs, with their types and an example each."""
    roots = dict.fromkeys(
        path.split(".")[0] for path in definition.step.variables if path.split(".")[1:2] != ["output"]
    )
    for root in roots:
        if root not in definition.inputs:
            yield Row(root, "", "Text; no example was recorded")
            continue
        value = definition.inputs[root]
        if isinstance(value, str):
            yield Row(root, _clean(value), "Text")
        elif isinstance(value, list):
            yield Row(root, _clean(json.dumps(value, ensure_ascii=False)), "Array")
        elif isinstance(value, dict):
            told = "an object, which no Start input is: make it an Array, or a Text for each of its fields"
            yield Row(root, _clean(json.dumps(value, ensure_ascii=False)), told)
        else:
            yield Row(root, json.dumps(value), "Text; recorded as a value of another type")


def _table(rows: tuple[Row, ...] | list[Row]) -> str:
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


def _paths(references: tuple[OutputPath, ...]) -> str:
    """The paths by their names in the output, folded up: there are five for each image."""
    rows = [
        Row(one.template.strip("{}").partition(".output.")[2], one.template, one.type) for one in references
    ]
    return f"<details><summary>{counted(len(rows), 'path')}</summary>{_table(rows)}</details>"


def _snippets(wired: Wiring) -> Iterator[str]:
    for snippet in wired.snippets:
        rows = [Row(entry.label, entry.value, entry.note) for entry in snippet.entries]
        rows += [Row(f"gives {entry.label}", entry.value) for entry in snippet.gives]
        tried = snippet.tried()
        lines = "".join(f"<li>{as_html(line)}</li>" for line in [*tried, *snippet.notes])
        heading = f"<h3>{as_html(snippet.step)}: {as_html(snippet.purpose)}</h3>"
        yield f'<article class="snippet">{heading}{_table(rows)}<ul class="note">{lines}</ul></article>'
