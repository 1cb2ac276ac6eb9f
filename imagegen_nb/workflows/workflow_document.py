"""The workflow file's layout: all steps in one versioned JSON document, each as its step file has it.

As with step files, the platform has no importer for it: this is the toolkit's own format, in the platform's
keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imagegen_nb.core.keywords import did_you_mean
from imagegen_nb.errors import DefinitionError
from imagegen_nb.step import schema
from imagegen_nb.step_file.document import ABOUT, Generator, definition_schema, problems_of
from imagegen_nb.step_file.file_kind import WORKFLOW_FORMAT

VERSION = 1
_MOST_STEPS = 100
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
_MESSAGES = {
    "too_short": "has no step: give one or more, in the order in which they run",
    "too_long": f"has more steps than a workflow may have ({_MOST_STEPS}): split it into several",
}


class FunctionEntry(BaseModel):
    """A function that stands in for a step: its name, and what it gave when the workflow was run."""

    model_config = _STRICT

    name: str = Field(max_length=200)
    output: Any = None
    has_run: bool = False


class StepEntry(BaseModel):
    """A step by its identifier: an image step as its step file has it, or a function that stands in."""

    model_config = _STRICT

    identifier: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)
    image_generation: dict[str, Any] | None = None
    function: FunctionEntry | None = None


class WorkflowDocument(BaseModel):
    """The document as it stands in a file: what Start asks for, with values, and the steps in order."""

    model_config = _STRICT

    format: Literal["imagegen-nb/workflow"]
    version: Literal[1]
    exported_at: str = Field(default="", max_length=40)
    generator: Generator = Field(default_factory=Generator)
    inputs: dict[str, Any] = Field(default_factory=dict)
    steps: list[StepEntry] = Field(min_length=1, max_length=_MOST_STEPS)


def workflow_schema() -> dict[str, Any]:
    """The JSON Schema of the file, with that of the step file inside."""
    body = WorkflowDocument.model_json_schema(mode="validation")
    step_file = definition_schema()
    step_file.pop("$schema")
    body["$defs"] |= step_file.pop("$defs")
    body["$defs"]["StepFile"] = step_file
    entry = body["$defs"]["StepEntry"]
    entry["properties"]["image_generation"] = {"$ref": "#/$defs/StepFile"}
    entry["properties"]["function"] = {"$ref": "#/$defs/FunctionEntry"}
    entry["oneOf"] = [{"required": ["image_generation"]}, {"required": ["function"]}]
    body["title"] = "imagegen-nb workflow"
    body["description"] = ABOUT
    return {"$schema": schema.DIALECT, **body}


def check_version(document: dict[str, Any]) -> None:
    """Whether this program reads the document. Raises `DefinitionError`, which says what it is instead."""
    if document.get("format") == "imagegen-nb/step":
        raise DefinitionError("this is a step file: read it with ig.load_step(path)")
    if document.get("format") != WORKFLOW_FORMAT:
        raise DefinitionError(f'is not "{WORKFLOW_FORMAT}": write that if this is a workflow', place="format")
    version = document.get("version")
    if type(version) is int and version > VERSION:
        raise DefinitionError(
            f"is newer than this program knows ({VERSION}). Update imagegen-nb to read the file",
            place="version",
        )
    if type(version) is not int or version != VERSION:
        raise DefinitionError(f"is not a known version: write {VERSION}", place="version")


def problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the layout, each as its place and what to do."""
    try:
        WorkflowDocument.model_validate(document)
    except ValidationError as error:
        for place, message in problems_of(error, _MESSAGES):
            if message == "unknown key":
                message = f"unknown key, to be renamed or removed; {_nearest(place)}"
            yield place, message
        return
    identifiers: list[str] = []
    for index, entry in enumerate(document["steps"]):
        name, kinds = entry["identifier"], [entry.get("image_generation"), entry.get("function")]
        if name in identifiers:
            yield f"steps.{index}.identifier", f"{name} is the identifier of an earlier step: give it another"
        if name in document.get("inputs", {}):
            yield f"steps.{index}.identifier", f"{name} is an input too: give one of them another name"
        if kinds.count(None) != 1:
            yield (
                f"steps.{index}",
                "has to be either image_generation, with a step as its step file has it, or function",
            )
        identifiers.append(name)


def _nearest(place: str) -> str:
    """What may be meant instead of a key that no such object has."""
    *parents, key = place.split(".")
    holders: dict[tuple[str, ...], type[BaseModel]] = {
        (): WorkflowDocument,
        ("steps",): StepEntry,
        ("steps", "function"): FunctionEntry,
        ("generator",): Generator,
    }
    holder = holders.get(tuple(part for part in parents if not part.isdecimal()), WorkflowDocument)
    return did_you_mean(key, holder.model_fields)
