"""Tries every reference of a later step against each way the step before it can end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from imagegen_nb.core import variable_mistakes, variable_paths, variables
from imagegen_nb.core.html_repr import html_output
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.redaction import visible
from imagegen_nb.errors import InvalidOption, VariableError
from imagegen_nb.runs.simulation import Outcome, outcomes, simulate
from imagegen_nb.step.output_references import type_of
from imagegen_nb.step.step import ImageGenerationStep, check_inputs

Template = str | ImageGenerationStep
"""A later step's text: the text itself, or an image step for its prompt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reference against one outcome: the `type` of its value, or the `problem` that it has none.

    `place` says which of several templates holds it. `reached` is False where a later step never
    starts: a failed outcome of a step that says "terminate".
    """

    place: str
    reference: str
    outcome: Outcome
    type: str
    problem: str
    reached: bool


@dataclass(frozen=True, slots=True, repr=False)
class ReferenceReport:
    """What `check_references` found; true when every reference resolves in every reached outcome."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The references that do not resolve although a later step would ask for them."""
        return tuple(finding for finding in self.findings if finding.problem and finding.reached)

    def raise_for_problems(self) -> None:
        """Raise `VariableError` with the whole report unless every reference resolves."""
        if not self:
            missing = dict.fromkeys(finding.reference.strip("{} ") for finding in self.problems)
            raise VariableError(repr(self), missing=tuple(missing))

    def __bool__(self) -> bool:
        return not self.problems

    def _rows(self) -> list[tuple[str, ...]]:
        """A heading, then one row a reference: its place, itself, and the type or lack in each outcome."""
        heading = ("", "", *dict.fromkeys(finding.outcome for finding in self.findings))
        rows: dict[tuple[str, str], list[str]] = {}
        for finding in self.findings:
            cell = finding.type or "missing"
            rows.setdefault((finding.place, finding.reference), []).append(
                cell if finding.reached else f"({cell})"
            )
        return [heading, *((*row, *cells) for row, cells in rows.items())]

    def _title(self) -> str:
        broken = len({(finding.place, finding.reference) for finding in self.problems})
        count = len(self._rows()) - 1
        if not count:
            return "no references to check"
        return f"{broken or count} of {count} references {'do not resolve' if broken else 'resolve'}"

    def _reasons(self) -> list[str]:
        """Each problem once, after the outcomes it is met in."""
        met: dict[str, list[str]] = {}
        for finding in self.problems:
            met.setdefault(finding.problem, []).append(finding.outcome)
        return [f"{', '.join(dict.fromkeys(names))}: {problem}" for problem, names in met.items()]

    def _remark(self) -> list[str]:
        if all(finding.reached for finding in self.findings):
            return []
        return ["(failed): not reached, the step says to terminate; later steps never start"]

    def __repr__(self) -> str:
        # The reasons come first: pytest shows the beginning of what was asserted, and cuts the rest.
        lines = self._reasons()
        rows = self._rows() if self.findings else []
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
            lines.append("  ".join(cells).rstrip())
        return visible("\n  ".join([self._title(), *lines, *self._remark()]))

    def _repr_html_(self) -> str:
        rows = self._rows() if self.findings else []
        body = "".join(
            f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in row)}</tr>"
            for row, tag in zip(rows, ("th", *["td"] * len(rows)), strict=False)
        )
        notes = "".join(f"<br>{escape(note)}" for note in [*self._reasons(), *self._remark()])
        return html_output(f"<strong>{escape(self._title())}</strong>{notes}<table>{body}</table>")


@helpful_calls
def check_references(
    template: Template | Mapping[str, Template] | Sequence[Template],
    step: ImageGenerationStep,
    *,
    identifier: str = "step_1",
    inputs: Mapping[str, Any] | None = None,
) -> ReferenceReport:
    """Try every `{{reference}}` of `template` against `step` succeeding, partly succeeding and failing.

    `template` is text, a later image step, or several of them (by name, or in order). `identifier`
    is the name later steps use for `step`. `inputs` are the workflow's inputs and other steps' runs;
    a reference to anything else has no value. Nothing is run or spent. Raises `InvalidOption`.
    """
    variable_paths.check_identifier(identifier)
    if not isinstance(step, ImageGenerationStep):
        raise InvalidOption(f"step is of type {type(step).__name__}: write check_references(template, step)")
    check_inputs(inputs)
    values_by_name = plain(inputs or {})
    if identifier in values_by_name:
        raise InvalidOption(f"inputs has {identifier!r}, the step's own identifier: leave it out of inputs")
    tags = list(_tags(template))
    findings = []
    for outcome in outcomes(step):
        context = {**values_by_name, identifier: simulate(step, outcome).as_context()}
        values = dict(variable_paths.leaves(context))
        reached = outcome != "failed" or step.on_failure == "continue"
        for place, reference in tags:
            problem = problem_of(reference, context)
            kind = "" if problem else type_of(values[reference.strip("{} ")])
            findings.append(Finding(place, reference, outcome, kind, problem, reached))
    return ReferenceReport(tuple(findings))


def _tags(template: object, place: str = "") -> Iterator[tuple[str, str]]:
    """The tags of all templates, each with the place of its template."""
    if isinstance(template, ImageGenerationStep):
        template = template.prompt
    if isinstance(template, str):
        tags = [f"{{{{{path}}}}}" for path in variables.paths(template)]
        loose = ["{{"] if variable_mistakes.unclosed(template) else []
        yield from ((place, tag) for tag in [*tags, *variables.malformed(template), *loose])
    elif isinstance(template, Mapping):
        for name, one in template.items():
            yield from _tags(one, f"{place}.{name}" if place else str(name))
    elif isinstance(template, Sequence) and not isinstance(template, bytes):
        for index, one in enumerate(template):
            yield from _tags(one, f"{place}.{index}" if place else str(index))
    else:
        raise InvalidOption(
            f"template{f'.{place}' if place else ''} is of type {type(template).__name__}: give text, an "
            "image step, or a dict or list of them"
        )


def problem_of(reference: str, context: Mapping[str, Any]) -> str:
    """Why `reference` gives nothing to put into a prompt; empty when it does."""
    if variable_mistakes.unclosed(reference):
        return "a {{ is never closed by }}: it would stay in the text"
    return variables.why_unfillable(reference, context)
