"""A function that stands in for a step of another kind, and what it gave."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.plain_data import plain
from imagegen_nb.runs.run import Run
from imagegen_nb.step_file.document import StepDefinition

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
    """What `function` returned, as plain data; of a run its output, so that paths into it are those into a
    step's. Raises `VariableError` where it cannot be."""
    given = value.output if isinstance(value, Run | StepDefinition) else value
    return FunctionResult(function_name(function), plain(given, f"{identifier}.output"))


def function_name(function: object) -> str:
    """The name of a function for people; a callable object's is that of its class."""
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: object) -> bool:
    """Whether what `function` returns has to be awaited, as far as that can be seen before it is called."""
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def takes_context(function: Function) -> bool:
    """Whether `function` can be called with one value; true also where nobody can tell."""
    try:
        inspect.signature(function).bind({})
    except TypeError:
        return False
    except ValueError:  # some that are written in C tell nothing of what they take
        return True
    return True
