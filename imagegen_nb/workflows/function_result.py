"""A function that stands in for a step of another kind, and what it gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.plain_data import plain

Function = Callable[[dict[str, Any]], Any]
"""Stands in for a step of another kind: given inputs and earlier outputs by name, it returns its output."""


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a function gave: plain data, which later steps find under `output`, as a step's."""

    function: str
    output: Any

    def as_context(self) -> dict[str, Any]:
        """What a later prompt's paths walk through."""
        return {"output": self.output}


def result_of(function: object, identifier: str, value: object) -> FunctionResult:
    """What `function` returned, as plain data. Raises `VariableError` where it cannot be."""
    return FunctionResult(function_name(function), plain(value, f"{identifier}.output"))


def function_name(function: object) -> str:
    """The name of a function for people; a callable object's is that of its class."""
    return str(getattr(function, "__name__", type(function).__name__))
