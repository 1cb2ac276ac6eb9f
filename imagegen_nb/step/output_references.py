"""What later steps can refer to: predicted from the step before a run, confirmed by the run after."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from imagegen_nb.core import variable_paths
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.plain_data import HasContext
from imagegen_nb.providers.capabilities import Kind
from imagegen_nb.step.output import DEFAULT_IDENTIFIER, Asset
from imagegen_nb.step.step import ImageGenerationStep

State = Literal["predicted", "confirmed", "missing"]
_TYPES: Mapping[object, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true/false",
    list: "array",
    dict: "object",
}
_SAMPLES: Mapping[str, Any] = {"text": "x", "number": 0, "true/false": True, "array": [], "object": {}}


@dataclass(frozen=True, slots=True)
class OutputPath:
    """One path into a step's output, ready to be put between `{{` and `}}`.

    `state` is `predicted` before a run, `confirmed` when the run has it, and `missing` when it was
    predicted but the run does not have it (fewer images came). `value` is the run's value.
    """

    path: str
    type: str
    state: State
    value: Any = field(default=None, repr=False)

    @property
    def template(self) -> str:
        """The path as it is written in a prompt."""
        return f"{{{{{self.path}}}}}"


@runtime_checkable
class HasOutput(HasContext, Protocol):
    """A run, or an imported definition with an output."""

    @property
    def step(self) -> ImageGenerationStep:
        """The step it belongs to."""
        ...

    @property
    def identifier(self) -> str | None:
        """The name later steps use, where it is known."""
        ...


@helpful_calls
def paths(
    step: ImageGenerationStep, run: HasOutput | None = None, *, identifier: str | None = None
) -> list[OutputPath]:
    """The paths of `step`'s output under `identifier` (by default the run's own, or `step_1`).

    `run` is a run of the step, or an imported definition with an output. Arrays and objects are
    listed too: in a prompt they become compact JSON. Null values are not: there is nothing to refer to.
    """
    variable_paths.check_identifier(identifier)
    name = identifier or (run.identifier if run else None) or DEFAULT_IDENTIFIER
    predicted = _predicted(step, name)
    if run is None:
        return [OutputPath(path, kind, "predicted") for path, kind in predicted.items()]
    actual = {found.path: found for found in confirmed({name: run.as_context()})}
    gone = (OutputPath(path, kind, "missing") for path, kind in predicted.items() if path not in actual)
    return [*actual.values(), *gone]


def confirmed(context: Mapping[str, Mapping[str, Any]]) -> list[OutputPath]:
    """The paths into outputs that are there, by the identifiers of their steps."""
    return [
        OutputPath(path, type_of(value), "confirmed", value)
        for path, value in variable_paths.leaves(context)
        if path not in context and value is not None
    ]


def predicted_output(step: ImageGenerationStep) -> dict[str, Any]:
    """A step's output as it will be shaped, with samples for values, so that paths can walk through it."""
    root: dict[str, Any] = {"step": {}}
    for path, kind in _predicted(step, "step").items():
        *parents, last = path.split(".")
        holder: Any = root
        for name in parents:
            holder = holder[int(name) if isinstance(holder, list) else name]
        sample = deepcopy(_SAMPLES[kind])
        if isinstance(holder, list):
            holder.append(sample)
        else:
            holder[last] = sample
    output: dict[str, Any] = root["step"]["output"]
    return output


def type_of(value: object) -> str:
    """The platform's word for the type of a plain, non-null value."""
    return _TYPES[type(value)]


def _predicted(step: ImageGenerationStep, name: str) -> Mapping[str, str]:
    output = f"{name}.output"
    settings = {f"{output}.settings": "object", f"{output}.settings.model": "text"}
    for key, kind in _output_kinds(step).items():
        settings[f"{output}.settings.{key}"] = _TYPES[kind.value_type] if kind else "text"
    assets = {f"{output}.assets": "array"}
    for index in range(step.image_count):
        assets[f"{output}.assets.{index}"] = "object"
        for key, declared in Asset.model_fields.items():
            assets[f"{output}.assets.{index}.{key}"] = _TYPES[declared.annotation]
    return {output: "object", **settings, **assets}


def _output_kinds(step: ImageGenerationStep) -> Mapping[str, Kind | None]:
    """The output's settings that will have a value, with their kinds; `provider` has none."""
    model, common = step.entry.model, step.kinds()
    idle = model.idle(step.settings())
    kinds = {key: model.settings.get(key) or common.get(key) for key in model.output_settings}
    return {
        key: kind
        for key, kind in kinds.items()
        if key not in idle and (kind is None or step.effective(key) is not None)
    }
