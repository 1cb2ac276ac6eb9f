"""What the prompts of a workflow refer to, checked before anything is asked.

A reference leads to an input or to a step that comes before. What an image step will have is predicted from
its settings; what a function gives is known when it has run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagegen_nb.core import variable_mistakes, variable_paths, variables
from imagegen_nb.errors import VariableError
from imagegen_nb.runs.output_reference_check import problem_of
from imagegen_nb.step.output_references import predicted_output
from imagegen_nb.step.step import ImageGenerationStep


def check(steps: Mapping[str, object], inputs: Mapping[str, Any]) -> None:
    """Raise one `VariableError` for all references that can never lead anywhere, with their steps."""
    _refuse(problems(steps, inputs))


def check_inputs(steps: Mapping[str, object], inputs: Mapping[str, Any]) -> None:
    """The same for values of inputs that a run is given, in a workflow whose references are checked."""
    found = (
        (name, problem_of(f"{{{{{path}}}}}", inputs))
        for name, step in steps.items()
        if isinstance(step, ImageGenerationStep)
        for path in variables.paths(step.prompt)
        if path.partition(".")[0] in inputs
    )
    _refuse((name, problem) for name, problem in found if problem)


def _refuse(found: Iterator[tuple[str, str]]) -> None:
    lines = [f"{name}: {problem}" for name, problem in found]
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise VariableError(
            lines[0] if len(lines) == 1 else f"{len(lines)} references lead nowhere:\n{listed}"
        )


def problems(steps: Mapping[str, object], inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each reference that leads nowhere, by the identifier of its step, with why."""
    context, unpredicted = dict(inputs), set[str]()
    for position, (name, step) in enumerate(steps.items()):
        if not isinstance(step, ImageGenerationStep):
            unpredicted.add(name)
            context[name] = {"output": {}}
            continue
        later = list(steps)[position:]
        for path in variables.paths(step.prompt):
            first, _, rest = path.partition(".")
            if first in later:
                yield name, _too_early(path, first, name, later[1:])
            elif first in unpredicted and rest.partition(".")[0] in ("", "output"):
                continue
            elif problem := problem_of(f"{{{{{path}}}}}", context):
                is_input = first not in context and not variable_paths.nearest(path, context)
                yield name, f"{problem}. Add {first} to the workflow's inputs" if is_input else problem
        for problem, remedy in variable_mistakes.single_braces(step.prompt, context):
            yield name, f"{problem}: {remedy}"
        context[name] = {"output": predicted_output(step)}


def to_steps(step: ImageGenerationStep, names: Sequence[str]) -> list[str]:
    """The references of a step to the outputs of those `names`, as they are written, each once."""
    paths = variables.paths(step.prompt)
    return [f"{{{{{path}}}}}" for path in paths if path.partition(".")[0] in names]


def _too_early(path: str, first: str, name: str, later: Sequence[str]) -> str:
    if first == name:
        return (
            f"{{{{{path}}}}} is the step's own output, which is not there before it has run. Name "
            "a step that runs before it"
        )
    moved = f"Put {name} behind {first}" if first in later else f"Put {first} first"
    return f"{{{{{path}}}}} is the output of a step that runs after it. {moved}"
