"""`sheet`: what to enter in the platform's form, in its order and under its labels: as a page, as text, and
in a notebook.

The platform has no importer: whoever builds the workflow there types, or copies from this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import counted
from imagegen_nb.platform.copy_page import IN_NOTEBOOK, PAGE, CopyPage, Row, write_page
from imagegen_nb.platform.snippets import Wiring, wiring
from imagegen_nb.platform.source import Source, definition_of, identifier_of, kinds_of, shown
from imagegen_nb.providers import catalog
from imagegen_nb.step import output_references
from imagegen_nb.step.output_references import OutputPath
from imagegen_nb.step_file.document import StepDefinition

_FAILS = {
    "terminate": "where the step fails the workflow ends, and no later step runs",
    "continue": (
        "where the step fails the later steps run; what they see then is documented nowhere: here it is the "
        "same object, with the images that did come and an error"
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class SetupSheet:
    """All that is to be entered; shows itself in a notebook, prints as text, and is saved as a page."""

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
        return self._as(PAGE)

    def _repr_html_(self) -> str:
        return self._as(IN_NOTEBOOK)

    def _as(self, look: CopyPage) -> str:
        inputs = look.table(self.inputs) if self.inputs else "<p>None: the prompt has no variables.</p>"
        parts = [
            look.section("The form", look.table(self.settings)),
            look.section("Start inputs", inputs),
            look.section("Later steps", self.wiring.cards(look)),
            look.section("All that later steps can refer to", _paths(self.references, look)),
        ]
        return look.whole(self.title, self.notes, "".join(parts))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; an older one is replaced whole. A name without an ending gets `.html`. Raises
        `StoreError`, also for a name that promises something else."""
        return write_page(path, self.html())


@helpful_calls
def sheet(source: Source, *, identifier: str | None = None) -> SetupSheet:
    """The sheet for a step: of a step file by its path, or at hand as step or run.

    `identifier` is the step's name on the platform, by default the file's own. Keys in what it says are
    masked. Raises `DefinitionError`, and `InvalidOption` for the name.
    """
    definition = definition_of(source)
    name, step = identifier_of(definition, identifier), definition.step
    kind, facts = "Image Generation step", f"identifier {name}, model {step.model}"
    heading = step.name or kind
    # What it is stands in the title where the step has no name.
    notes = [f"{kind}, {facts}" if step.name else f"{facts[:1].upper()}{facts[1:]}"]
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
    idle = model.idle_because(step.settings())
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
            rule = idle[key]
            chosen = shown(getattr(step, rule.when) or model.default(rule.when), kinds.get(rule.when))
            other = (model.labels or {}).get(rule.when, labels[rule.when])
            yield Row(label, "", f"cannot be edited beside {other} {chosen}: {rule.because}")
        elif value is None:
            default = (
                f"not set; the default is {shown(kind.default, kind)}" if kind.default is not None else ""
            )
            yield Row(label, "", default)
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


def _paths(references: tuple[OutputPath, ...], look: CopyPage) -> str:
    """The paths by their names in the output, folded up: there are five for each image."""
    rows = [
        Row(one.template.strip("{}").partition(".output.")[2], one.template, one.type) for one in references
    ]
    return f"<details><summary>{counted(len(rows), 'path')}</summary>{look.table(rows)}</details>"
