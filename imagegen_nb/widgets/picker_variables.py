"""What the prompt's picker offers: inputs with all they hold, and the outputs of other steps by path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from imagegen_nb.core import variable_paths
from imagegen_nb.core.plain_data import plain
from imagegen_nb.errors import VariableError
from imagegen_nb.step import output_references
from imagegen_nb.step.step import ImageGenerationStep

_MOST_OF_INPUT = 200
"""Paths of one input: who has a table in it finds the first rows, and types the rest."""


def picker_variables(
    values: Mapping[str, Any], predicted: Mapping[str, ImageGenerationStep]
) -> list[dict[str, Any]]:
    """The variables for inputs and runs by name, and for steps that have not been run yet."""
    offered: list[dict[str, Any]] = []
    for name, value in values.items():
        if not variable_paths.is_name(
            name
        ):  # an imported file may call its inputs anything; no path leads to those
            continue
        if isinstance(value, output_references.HasOutput):
            offered += map(_of_path, output_references.paths(value.step, value, identifier=name))
        else:
            offered += _of_input(name, value)
    for name, step in predicted.items():
        if name not in values:
            offered += map(_of_path, output_references.paths(step, identifier=name))
    return offered


def _of_input(name: str, value: Any) -> Iterator[dict[str, Any]]:
    """An input, and what is in it; nothing for one that no prompt can hold."""
    try:
        data = plain(value, f"inputs.{name}")
    except VariableError:
        return
    found = (
        (path, item) for path, item in variable_paths.leaves({name: data}) if variable_paths.is_path(path)
    )
    for path, item in islice(found, _MOST_OF_INPUT):
        if item is not None:
            yield _variable(path, "Inputs", "", output_references.type_of(item), item)


def _of_path(path: output_references.OutputPath) -> dict[str, Any]:
    return _variable(path.path, "Workflow Steps", path.state, path.type, path.value)


def _variable(path: str, group: str, state: str, type_: str, value: Any) -> dict[str, Any]:
    sample = value if isinstance(value, str) else json.dumps(value) if isinstance(value, int | float) else ""
    return {"path": path, "group": group, "state": state, "type": type_, "sample": sample}
