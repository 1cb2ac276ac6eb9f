"""What is taken to the platform: a step file by its path, or what is at hand: a definition, a step, a run."""

from __future__ import annotations

import os
from collections.abc import Mapping

from imagegen_nb.core import variable_paths
from imagegen_nb.providers.capabilities import Choice, Kind, PixelSize
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import DEFAULT_IDENTIFIER
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.step_file.export import define
from imagegen_nb.step_file.load import load_step

Source = StepDefinition | ImageGenerationStep | Run | str | os.PathLike[str]


def definition_of(source: Source) -> StepDefinition:
    """The definition, as `save_step` would write it. Raises `DefinitionError` for a file that is none."""
    if isinstance(source, Run):
        return define(source.step, run=source)
    if isinstance(source, ImageGenerationStep):
        return define(source)
    return source if isinstance(source, StepDefinition) else load_step(source)


def identifier_of(definition: StepDefinition, identifier: str | None) -> str:
    """The name by which later steps refer to the step. Raises `InvalidOption` for what can be none."""
    variable_paths.check_identifier(identifier)
    return identifier or definition.identifier or DEFAULT_IDENTIFIER


def kinds_of(definition: StepDefinition) -> Mapping[str, Kind]:
    """The settings on the form for the step's model, in the form's order."""
    step = definition.step
    own = step.entry.model.settings
    kinds = {key: own.get(key) or common for key, common in step.kinds().items()}
    return {key: kind for key, kind in kinds.items() if kind is not None}


def shown(value: object, kind: Kind | None) -> str:
    """A setting's value as people read it on the form."""
    if isinstance(kind, Choice | PixelSize) and isinstance(value, str) and not value[:1].isdigit():
        return kind.label(value)
    return str(value)
