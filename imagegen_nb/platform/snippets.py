"""`wiring`: what to enter in the steps that come after an image step, tried against each way it can end.

Labels and operators are those of the platform's documentation of each step. What a later step sees of a
failed one is documented nowhere: `error` is this toolkit's own, and so is what these expressions give then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from imagegen_nb.core import variable_paths
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted
from imagegen_nb.platform.copy_page import IN_NOTEBOOK, PAGE, CopyPage, Row, write_page
from imagegen_nb.platform.source import Source, definition_of, identifier_of
from imagegen_nb.runs.output_reference_check import check_references
from imagegen_nb.runs.simulation import Outcome, outcomes, simulate
from imagegen_nb.step.step import ImageGenerationStep

Operator = Literal["exists", "is empty"]
_NUMBERED = re.compile(r"(.*?)(\d+)$")
_ENDS = {
    "success": "success, all images came",
    "partial": "partial, some came",
    "failed": "failed, none came",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a later step: its label on the form, and what to enter. `is_template` says that what
    stands between `{{` and `}}` in it is filled in from the step's output."""

    label: str
    value: str
    note: str = ""
    is_template: bool = True


@dataclass(frozen=True, slots=True)
class Snippet:
    """What to enter in one later step, what it gives to later ones, and what each outcome makes of it."""

    step: str
    purpose: str
    entries: tuple[Entry, ...]
    gives: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    outcomes: Mapping[Outcome, str] | None = None
    """By outcome: that every path resolves, which do not, or what a condition is."""

    def tried(self) -> list[str]:
        """What each outcome makes of it, in a line each."""
        return [f"{_ENDS[outcome]}: {what}" for outcome, what in (self.outcomes or {}).items()]


@dataclass(frozen=True, slots=True, repr=False)
class Wiring:
    """The snippets for a step; shows itself, and is saved as a page."""

    identifier: str
    step: ImageGenerationStep
    snippets: tuple[Snippet, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"identifier": self.identifier, "snippets": [asdict(snippet) for snippet in self.snippets]}

    def lines(self) -> Iterator[str]:
        """The snippets as text."""
        for snippet in self.snippets:
            yield f"{snippet.step}: {snippet.purpose}"
            for entry in snippet.entries:
                yield f"  {entry.label}: {entry.value}{f'   ({entry.note})' if entry.note else ''}"
            for entry in snippet.gives:
                yield f"  gives {entry.value}: {entry.label}"
            yield from (f"  note: {note}" for note in snippet.notes)
            yield from (f"  {line}" for line in snippet.tried())
            yield ""

    def cards(self, look: CopyPage) -> str:
        """The snippets as HTML, for a page or a notebook."""
        return "".join(_card(snippet, look) for snippet in self.snippets)

    def html(self) -> str:
        """The page: one file, without network, readable without its script."""
        return self._as(PAGE)

    def _as(self, look: CopyPage) -> str:
        return look.whole(self._title(), (), look.section("Later steps", self.cards(look)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; an older one is replaced whole. A name without an ending gets `.html`. Raises
        `StoreError`, also for a name that promises something else."""
        return write_page(path, self.html())

    def _title(self) -> str:
        return f"Wiring of {self.identifier} ({self.step.model}, {counted(self.step.image_count, 'image')})"

    def __repr__(self) -> str:
        return visible("\n".join([self._title(), "", *self.lines()])).rstrip()

    def _repr_html_(self) -> str:
        return self._as(IN_NOTEBOOK)


@helpful_calls
def wiring(source: Source, *, identifier: str | None = None) -> Wiring:
    """What to enter in later steps of these kinds, for a step: of a step file by its path, or a step or run.

    `identifier` is the step's name on the platform, by default the file's own. Nothing is run or sent. Raises
    `DefinitionError` for the file and `InvalidOption` for the name.
    """
    definition = definition_of(source)
    name, step = identifier_of(definition, identifier), definition.step
    contexts = {outcome: {name: simulate(step, outcome).as_context()} for outcome in outcomes(step)}
    conditions = tuple(_conditions(name, step, contexts))
    others = (_choice(name), _call(name), _look(name, step))
    return Wiring(name, step, (*conditions, *(_tried(snippet, name, step) for snippet in others)))


def _card(snippet: Snippet, look: CopyPage) -> str:
    rows = [Row(entry.label, entry.value, entry.note) for entry in snippet.entries]
    rows += [Row(f"gives {entry.label}", entry.value) for entry in snippet.gives]
    return look.card(f"{snippet.step}: {snippet.purpose}", rows, [*snippet.tried(), *snippet.notes])


def holds(operator: Operator, operand: str, context: Mapping[str, Any]) -> bool:
    """Whether a condition's row is true. Decided here: what is missing does not exist, and is empty."""
    values = dict(variable_paths.leaves(context))
    value = values.get(operand.strip("{} "))
    return value is not None if operator == "exists" else value in (None, "", [], {})


def _tried(snippet: Snippet, name: str, step: ImageGenerationStep) -> Snippet:
    """The snippet with what its paths give in each outcome."""
    templates = {entry.label: entry.value for entry in snippet.entries if entry.is_template}
    report = check_references(templates, step, identifier=name)
    told: dict[Outcome, str] = {}
    for outcome in outcomes(step):
        found = [one for one in report.findings if one.outcome == outcome]
        missing = list(dict.fromkeys(one.reference for one in found if one.problem))
        told[outcome] = f"there is no {_few(missing)}" if missing else "every path resolves"
        if found and not found[0].reached:
            told[outcome] = "not reached: the step says to terminate the workflow"
        elif missing:
            told[outcome] += "; put a Condition before"
    return Snippet(snippet.step, snippet.purpose, snippet.entries, snippet.gives, snippet.notes, told)


def _few(references: list[str]) -> str:
    """The first of them, and how many more: those of one image are missing together."""
    more = len(references) - 1
    return f"{references[0]}, nor {more} more" if more else references[0]


def _conditions(
    name: str, step: ImageGenerationStep, contexts: Mapping[Outcome, Mapping[str, Any]]
) -> Iterator[Snippet]:
    assets = f"{name}.output.assets"
    rows: list[tuple[str, str, Operator, tuple[str, ...]]] = [
        ("go on where an image came", f"{assets}.0.file_url", "exists", ()),
    ]
    if step.image_count > 1:
        last = f"{assets}.{step.image_count - 1}.file_url"
        rows.append((f"go on where all {step.image_count} images came", last, "exists", ()))
    decided = "That a failed step has an error is decided by this toolkit; the platform documents nothing."
    rows.append(("handle a failure", f"{name}.output.error.kind", "exists", (decided,)))
    for purpose, path, operator, notes in rows:
        operand = f"{{{{{path}}}}}"
        told: dict[Outcome, str] = {}
        for outcome, context in contexts.items():
            verdict = "true" if holds(operator, operand, context) else "false"
            reached = outcome != "failed" or step.on_failure == "continue"
            told[outcome] = verdict if reached else "not reached: the step says to terminate the workflow"
        entries = (Entry("Left operand", operand), Entry("Operator", operator, "takes no right operand"))
        yield Snippet("Condition", purpose, entries, notes=notes, outcomes=told)


def _choice(name: str) -> Snippet:
    numbered = _NUMBERED.fullmatch(name)
    own = f"{numbered[1]}{int(numbered[2]) + 1}" if numbered else "step_3"
    return Snippet(
        "Human in the Loop",
        "a person picks one of the images",
        (
            Entry("Response mode", "Choices", is_template=False),
            Entry("Options source", f"{{{{{name}.output.assets}}}}"),
            Entry("Label path", "file_name", "of each image", is_template=False),
            Entry("Value path", "file_url", "of each image", is_template=False),
        ),
        (
            Entry("the chosen image's address", f"{{{{{own}.output.choice.value}}}}"),
            Entry("its name", f"{{{{{own}.output.choice.label}}}}"),
            Entry("its id", f"{{{{{own}.output.choice.raw.id}}}}"),
        ),
        (
            f"{own} stands for the Human in the Loop step's own identifier.",
            "A workflow that waits for a person is invoked with a callback.",
            "Where no image came there is nothing to pick: put a Condition before.",
        ),
    )


def _call(name: str) -> Snippet:
    first = f"{name}.output.assets.0"
    body = (
        f'{{"image": "{{{{{first}.file_url}}}}", "name": "{{{{{first}.file_name}}}}", '
        f'"type": "{{{{{first}.file_type}}}}", "bytes": {{{{{first}.file_size}}}}}}'
    )
    return Snippet(
        "Call an API",
        "send an image's address elsewhere",
        (
            Entry("API Method", "POST", is_template=False),
            Entry("API URL", "https://example.com/images", "your own", is_template=False),
            Entry("Headers", json.dumps({"Content-Type": "application/json"}), is_template=False),
            Entry("Body", body, "a JSON string: text in quotes, the number without"),
        ),
        notes=(
            "How the platform escapes filled-in quotes is not documented; names made here have none.",
            "The address may expire: who gets it should fetch the image soon.",
        ),
    )


def _look(name: str, step: ImageGenerationStep) -> Snippet:
    urls = [f"{{{{{name}.output.assets.{index}.file_url}}}}" for index in range(step.image_count)]
    parts = tuple(
        Entry(f"Image URL {index + 1}" if len(urls) > 1 else "Image URL", url, "an image part of the message")
        for index, url in enumerate(urls)
    )
    return Snippet("AI Prompt", "have a model look at the images", parts)
