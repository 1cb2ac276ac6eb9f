"""The workflow file: all steps of a workflow in one versioned JSON document, each as its step file has it.

As with step files, the platform has no importer for it: this is the toolkit's own format, in the platform's
keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.words import counted
from imagegen_nb.errors import DefinitionError, InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import Generator, StepDefinition, as_definition_error, encoded, write
from imagegen_nb.step_file.export import define
from imagegen_nb.step_file.load import load_step, parse, read
from imagegen_nb.workflows.function_result import Function, FunctionResult, function_name

FORMAT = "imagegen-nb/workflow"
LARGEST_FILE = 10_000_000
"""Bytes; a real one has a few thousand for each step."""
_MOST_STEPS = 100
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class FunctionEntry(BaseModel):
    """A function that stands in for a step: its name, and what it gave when the workflow was run."""

    model_config = _STRICT

    name: str = Field(max_length=200)
    output: Any = None
    has_run: bool = False


class StepEntry(BaseModel):
    """A step by its identifier: an image step as its step file has it, or a function."""

    model_config = _STRICT

    identifier: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)
    image_generation: dict[str, Any] | None = None
    function: FunctionEntry | None = None


class WorkflowDocument(BaseModel):
    """The document as it stands in a file."""

    model_config = _STRICT

    format: Literal["imagegen-nb/workflow"]
    version: Literal[1]
    exported_at: str = Field(max_length=40)
    generator: Generator
    inputs: dict[str, Any]
    steps: list[StepEntry] = Field(min_length=1, max_length=_MOST_STEPS)


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


def save(
    path: str | os.PathLike[str],
    inputs: Mapping[str, Any],
    steps: Mapping[str, ImageGenerationStep | Function],
    results: Mapping[str, Run | FunctionResult],
) -> SavedWorkflow:
    """Write a workflow, with what its steps gave. Raises `DefinitionError`."""
    document = {
        "format": FORMAT,
        "version": 1,
        "exported_at": utc_now(),
        "generator": Generator().model_dump(),
        "inputs": dict(inputs),
        "steps": [_entry(name, step, results.get(name)) for name, step in steps.items()],
    }
    target, data = user_path(path, DefinitionError), encoded(document, LARGEST_FILE)
    write(target, data)
    return SavedWorkflow(target, len(data), len(steps))


def _entry(
    name: str, step: ImageGenerationStep | Function, result: Run | FunctionResult | None
) -> dict[str, Any]:
    if isinstance(step, ImageGenerationStep):
        run = result if isinstance(result, Run) else None
        # What filled the prompt stands in the workflow's inputs and the outputs of the steps before.
        definition = define(step, run=run, identifier=name, inputs={})
        return {"identifier": name, "image_generation": definition.as_document()}
    entry: dict[str, Any] = {"name": function_name(step)}
    if isinstance(result, FunctionResult):
        entry |= {"output": result.output, "has_run": True}
    return {"identifier": name, "function": entry}


def load(
    path: str | os.PathLike[str], functions: Mapping[str, Function]
) -> tuple[dict[str, Any], dict[str, ImageGenerationStep | Function]]:
    """The inputs and the steps of a workflow file. Raises `DefinitionError`."""
    document = parse(read(user_path(path, DefinitionError), LARGEST_FILE), largest=LARGEST_FILE)
    if document.get("format") == "imagegen-nb/step":
        raise DefinitionError("this is a step file: read it with ig.load_step(path)")
    try:
        parsed = WorkflowDocument.model_validate(document)
    except ValidationError as error:
        raise as_definition_error(error) from None
    names = [entry.identifier for entry in parsed.steps if entry.function is not None]
    if unknown := [name for name in functions if name not in names]:
        held = f"its functions are {', '.join(names)}" if names else "it has no functions"
        raise InvalidOption(f"functions has {unknown[0]!r}, which is none of the file's: {held}")
    steps: dict[str, ImageGenerationStep | Function] = {}
    for index, entry in enumerate(parsed.steps):
        if entry.identifier in steps:
            raise DefinitionError(
                f"{entry.identifier} is the identifier of an earlier step", place=f"steps.{index}.identifier"
            )
        steps[entry.identifier] = _step(entry, f"steps.{index}", functions)
    return parsed.inputs, steps


def _step(entry: StepEntry, place: str, functions: Mapping[str, Function]) -> ImageGenerationStep | Function:
    if (entry.image_generation is None) == (entry.function is None):
        raise DefinitionError("has to be either image_generation or function", place=place)
    if entry.function is None:
        return _definition(entry, place).step
    if entry.identifier in functions:
        return functions[entry.identifier]
    if not entry.function.has_run:
        raise DefinitionError(
            f"the file has nothing that {entry.function.name} gave: pass the function, "
            f"functions={{{entry.identifier!r}: ...}}",
            place=place,
        )
    return _constant(entry.function.name, entry.function.output)


def _definition(entry: StepEntry, place: str) -> StepDefinition:
    try:
        return load_step(json.dumps(entry.image_generation).encode())
    except DefinitionError as error:
        inner, message = error.place, str(error).removeprefix(f"{error.place}: ")
    raise DefinitionError(message, place=".".join(filter(None, [place, "image_generation", inner])))


def _constant(name: str, output: Any) -> Callable[[dict[str, Any]], Any]:
    """A function by the name of one that is not at hand, which gives what that one gave."""

    def recorded(context: dict[str, Any]) -> Any:
        return output

    recorded.__name__ = name
    return recorded
