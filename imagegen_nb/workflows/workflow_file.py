"""Workflow files: written with what steps gave, read strictly, with every problem at its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen_nb.core import user_warnings
from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.words import counted
from imagegen_nb.errors import DefinitionError, DefinitionWarning, InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file import replaced_file
from imagegen_nb.step_file.document import Generator, StepDefinition, encoded, redacted, write
from imagegen_nb.step_file.export import define
from imagegen_nb.step_file.file_kind import LARGEST_WORKFLOW, WORKFLOW_FORMAT
from imagegen_nb.step_file.load import embedded_step, parse, read
from imagegen_nb.workflows import references, workflow_document
from imagegen_nb.workflows.function_result import Function, FunctionResult, function_name
from imagegen_nb.workflows.workflow_document import VERSION, FunctionEntry

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class SavedWorkflow:
    """A written workflow file; shows its name."""

    path: Path
    size: int
    steps: int

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:  # without folder and size, which differ between machines
        return visible(f"saved {self.path.name}: {counted(self.steps, 'step')}")


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """A workflow file that was read and checked: its inputs, and its steps by identifier, with what they
    gave. `changes` says what had to be migrated or dropped."""

    inputs: Mapping[str, Any]
    entries: Mapping[str, StepDefinition | FunctionEntry]
    changes: tuple[str, ...] = ()

    def steps(
        self, functions: Mapping[str, Function], *, runnable: bool = True
    ) -> dict[str, ImageGenerationStep | Function]:
        """The steps, with those `functions`; one that is not given returns what it gave. Raises
        `DefinitionError` where it gave nothing, unless the steps need not be `runnable`."""
        known = [name for name, entry in self.entries.items() if isinstance(entry, FunctionEntry)]
        if unknown := [name for name in functions if name not in known]:
            held = f"its functions are {', '.join(known)}" if known else "it has no functions"
            raise InvalidOption(f"functions has {unknown[0]!r}, which is none of the file's: {held}")
        steps: dict[str, ImageGenerationStep | Function] = {}
        for index, (name, entry) in enumerate(self.entries.items()):
            if isinstance(entry, StepDefinition):
                steps[name] = entry.step
            elif name in functions:
                steps[name] = functions[name]
            elif runnable and not entry.has_run:
                told = f"the function of {name}" if entry.name == "<lambda>" else entry.name
                raise DefinitionError(
                    f"the file has nothing that {told} gave: pass the function, ig.Workflow.load(path, "
                    f"functions={{{name!r}: ...}}), or save the workflow with a run of it",
                    place=f"steps.{index}",
                )
            else:
                steps[name] = _constant(entry.name, entry.output)
        return steps

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> SavedWorkflow:
        """Write the file in today's layout; an older one of the same steps is replaced whole.

        Raises `DefinitionError`, also where something else is there, unless `overwrite`.
        """
        entries = {name: _written(entry) for name, entry in self.entries.items()}
        return _write(path, self.inputs, entries, overwrite=overwrite)


def save(
    path: str | os.PathLike[str],
    inputs: Mapping[str, Any],
    steps: Mapping[str, ImageGenerationStep | Function],
    results: Mapping[str, Run | FunctionResult],
    *,
    overwrite: bool = False,
) -> SavedWorkflow:
    """Write a workflow, with what its steps gave. Raises `DefinitionError`."""
    entries = {name: _entry(name, step, results.get(name)) for name, step in steps.items()}
    return _write(path, inputs, entries, overwrite=overwrite)


def _entry(
    name: str, step: ImageGenerationStep | Function, result: Run | FunctionResult | None
) -> dict[str, Any]:
    if isinstance(step, ImageGenerationStep):
        run = result if isinstance(result, Run) else None
        # What filled the prompt stands in the workflow's inputs and the outputs of the steps before.
        return _written(define(step, run=run, identifier=name, inputs={}))
    entry = FunctionEntry(name=function_name(step))
    if isinstance(result, FunctionResult):
        entry = entry.model_copy(update={"output": result.output, "has_run": True})
    return _written(entry)


def _written(entry: StepDefinition | FunctionEntry) -> dict[str, Any]:
    if isinstance(entry, StepDefinition):
        return {"image_generation": entry.as_document()}
    facts = {"output": entry.output, "has_run": True} if entry.has_run else {}
    return {"function": {"name": entry.name, **facts}}


def _write(
    path: str | os.PathLike[str],
    inputs: Mapping[str, Any],
    entries: Mapping[str, dict[str, Any]],
    *,
    overwrite: bool,
) -> SavedWorkflow:
    document = {
        "format": WORKFLOW_FORMAT,
        "version": VERSION,
        "exported_at": utc_now(),
        "generator": Generator().model_dump(),
        "inputs": dict(inputs),
        "steps": [{"identifier": name, **entry} for name, entry in entries.items()],
    }
    target = replaced_file.named(user_path(path, DefinitionError), "workflow")
    data = encoded(document, LARGEST_WORKFLOW)
    if not overwrite:
        replaced_file.check_workflow(target, list(entries), LARGEST_WORKFLOW)
    write(target, data)
    return SavedWorkflow(target, len(data), len(entries))


def read_workflow(path: str | os.PathLike[str]) -> WorkflowDefinition:
    """Read a workflow file and check all of it: layout, steps, and what prompts refer to.

    What was migrated or dropped in its steps is warned about. Raises one `DefinitionError` for all problems,
    with their places.
    """
    document = parse(read(user_path(path, DefinitionError), LARGEST_WORKFLOW), largest=LARGEST_WORKFLOW)
    workflow_document.check_version(document)
    entries: dict[str, StepDefinition | FunctionEntry] = {}
    _refuse([*workflow_document.problems(document), *_step_problems(document, entries)])
    inputs = document.get("inputs", {})
    definition = WorkflowDefinition(inputs, entries)
    names, steps = list(entries), definition.steps({}, runnable=False)
    _refuse(
        (f"steps.{names.index(name)}.image_generation.step.prompt", problem)
        for name, problem in references.problems(steps, inputs)
    )
    changes = tuple(
        f"steps.{index}.image_generation: {change}"
        for index, entry in enumerate(entries.values())
        for change in (entry.changes if isinstance(entry, StepDefinition) else ())
    )
    for change in changes:
        user_warnings.warn(change, DefinitionWarning)
    return WorkflowDefinition(inputs, entries, changes)


def _step_problems(
    document: dict[str, Any], entries: dict[str, StepDefinition | FunctionEntry]
) -> Iterator[tuple[str, str]]:
    """What is wrong within the steps; those that are well are put into `entries`."""
    steps = document.get("steps")
    for index, entry in enumerate(steps if isinstance(steps, list) else ()):
        settings = entry.get("image_generation") if isinstance(entry, dict) else None
        if isinstance(settings, dict):
            place = f"steps.{index}.image_generation"
            try:
                entries[str(entry.get("identifier"))] = embedded_step(settings)
            except DefinitionError as error:
                # An invalid step's problems stand one a line, each but the first behind its place.
                first, *others = str(error).splitlines()
                yield (
                    place if not error.place else f"{place}.{error.place}",
                    first.removeprefix(f"{error.place}: "),
                )
                for line in others:
                    inner, _, message = line.partition(": ")
                    yield f"{place}.{inner}", message
        elif isinstance(entry, dict) and isinstance(entry.get("function"), dict):
            entries[str(entry.get("identifier"))] = FunctionEntry.model_construct(**entry["function"])


def _refuse(found: Iterable[tuple[str, str]]) -> None:
    """Raise one error for all problems, the first with its place, the others below it."""
    problems = list(found)
    if not problems:
        return
    (place, message), *others = problems
    lines = [f"{redacted(where)}: {what}" for where, what in others[: _MOST_PROBLEMS - 1]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    raise DefinitionError("\n".join([message, *lines]), place=redacted(place))


def _constant(name: str, output: Any) -> Callable[[dict[str, Any]], Any]:
    """A function by the name of one that is not at hand, which gives what that one gave."""

    def recorded(context: dict[str, Any]) -> Any:
        return output

    recorded.__name__ = name
    return recorded
