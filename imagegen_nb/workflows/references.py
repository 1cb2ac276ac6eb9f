"""What the prompts of a workflow refer to, checked before anything is asked.

A reference leads to an input or to a step that comes before. What an image step will have is known from its
simulated run; what a function gives is known when it has run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagegen_nb.core import variables
from imagegen_nb.errors import VariableError
from imagegen_nb.runs.output_reference_check import problem_of
from imagegen_nb.runs.simulation import simulate
from imagegen_nb.step.step import ImageGenerationStep


def check(steps: Mapping[str, object], inputs: Mapping[str, Any]) -> None:
    """Raise one `VariableError` for all references that can never lead anywhere, with their steps."""
    found = [f"{name}: {problem}" for name, problem in _problems(steps, inputs)]
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise VariableError(
            found[0] if len(found) == 1 else f"{len(found)} references lead nowhere:\n{lines}"
        )


def _problems(steps: Mapping[str, object], inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    context, unpredicted = dict(inputs), set[str]()
    for position, (name, step) in enumerate(steps.items()):
        if not isinstance(step, ImageGenerationStep):
            unpredicted.add(name)
            continue
        later = list(steps)[position:]
        for path in variables.paths(step.prompt):
            first = path.partition(".")[0]
            if first in later:
                yield name, _too_early(path, first, name, later[1:])
            elif first not in unpredicted and (problem := problem_of(f"{{{{{path}}}}}", context)):
                yield name, problem
        for tag in variables.malformed(step.prompt):
            yield name, problem_of(tag, context)
        context[name] = simulate(step).as_context()


def _too_early(path: str, first: str, name: str, later: Sequence[str]) -> str:
    if first == name:
        return f"{{{{{path}}}}} is the step's own output, which is not there before it has run"
    moved = f"Put {name} behind {first}" if first in later else f"Put {first} first"
    return f"{{{{{path}}}}} is the output of a step that runs after it. {moved}"
