"""A workflow: image steps that run one after another, each with the outputs of those before it."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.variables import check_identifier
from imagegen_nb.errors import DefinitionError, InvalidOption, StepFailed
from imagegen_nb.runs.output_reference_check import ReferenceReport, check_references
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.simulation import Outcome, simulate
from imagegen_nb.step.run_context import RunContext
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.workflows import references, strip
from imagegen_nb.workflows.function_result import Function, FunctionResult, result_of
from imagegen_nb.workflows.workflow_run import WorkflowRun, WorkflowStatus

if TYPE_CHECKING:
    from imagegen_nb.core.events import RunEvent
    from imagegen_nb.workflows.workflow_file import SavedWorkflow


@helpful_calls
class Workflow:
    """Image steps in the order in which they run, by the identifiers that later steps know them by.

        workflow = Workflow({"product": "lamp"}, steps={"step_1": hero, "step_2": banner})
        workflow.run(workspace=ws)["step_2"].output

    `inputs` are those of the workflow's Start, by name. A step is an `ImageGenerationStep`, or a function
    that stands in for a step of another kind: it is given a dict as prompts see it
    (`context["step_1"]["output"]`) and returns plain data, which later steps find under its `output`. A
    prompt may refer to inputs and to the steps before it. Raises `InvalidOption`, and `VariableError` for
    references that lead nowhere.
    """

    def __init__(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        steps: Mapping[str, ImageGenerationStep | StepDefinition | Function],
    ) -> None:
        if inputs is not None and not isinstance(inputs, Mapping):
            raise InvalidOption(f"inputs is of type {type(inputs).__name__}: give values by name")
        self.inputs: Mapping[str, Any] = MappingProxyType(plain(inputs or {}))
        self.steps: Mapping[str, ImageGenerationStep | Function] = MappingProxyType(_checked(steps))
        for name in self.steps:
            if name in self.inputs:
                raise InvalidOption(f"{name} is an input and a step: give one of them another name")
        self.last_run: WorkflowRun | None = None
        """The latest run, also one that a failure or an interrupt has ended."""
        references.check(self.steps, self.inputs)

    @property
    def image_steps(self) -> dict[str, ImageGenerationStep]:
        """The steps that make images, by identifier."""
        return {name: step for name, step in self.steps.items() if isinstance(step, ImageGenerationStep)}

    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        workspace: RunContext[ImageGenerationStep, Run],
        on_event: Callable[[RunEvent[Run]], object] | None = None,
    ) -> WorkflowRun:
        """Run the steps in order and wait; `inputs` take the place of the workflow's own, by name.

        A step that fails and says "terminate" ends the workflow with `StepFailed`; one that says "continue"
        leaves `{settings, assets, error}` to later steps. Whatever ends it, `last_run` has what was made.
        """
        progress = self._begin(inputs)
        for name, step in self.steps.items():
            with progress.reaching(name):
                context = progress.context()
                if isinstance(step, ImageGenerationStep):
                    progress.results[name] = step.run(
                        context, workspace=workspace, identifier=name, on_event=on_event
                    )
                else:
                    progress.results[name] = result_of(step, name, _at_once(step(context), name))
        return progress.end("done")

    async def arun(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        workspace: RunContext[ImageGenerationStep, Run],
        on_event: Callable[[RunEvent[Run]], object] | None = None,
    ) -> WorkflowRun:
        """As `run`, to be awaited from any event loop; functions may be async."""
        progress = self._begin(inputs)
        for name, step in self.steps.items():
            with progress.reaching(name):
                context = progress.context()
                if isinstance(step, ImageGenerationStep):
                    run: Run = await step.arun(
                        context, workspace=workspace, identifier=name, on_event=on_event
                    )
                    progress.results[name] = run
                else:
                    value = step(context)
                    output = await value if inspect.isawaitable(value) else value
                    progress.results[name] = result_of(step, name, output)
        return progress.end("done")

    def simulate(
        self, outcomes: Mapping[str, Outcome] | None = None, *, inputs: Mapping[str, Any] | None = None
    ) -> WorkflowRun:
        """The run it would be if steps ended as `outcomes` says, the others well; nothing is asked or spent.

        Functions are called. A step that fails and says "terminate" ends the run, which is returned.
        """
        chosen = dict(outcomes or {})
        if unknown := [name for name in chosen if name not in self.image_steps]:
            known = ", ".join(self.image_steps)
            raise InvalidOption(
                f"outcomes has {unknown[0]!r}: no image step of this workflow; it has {known}"
            )
        progress = self._begin(inputs)
        for name, step in self.steps.items():
            with progress.reaching(name):
                context = progress.context()
                if not isinstance(step, ImageGenerationStep):
                    progress.results[name] = result_of(step, name, _at_once(step(context), name))
                    continue
                run = simulate(step, chosen.get(name, "success"), inputs=context, identifier=name)
                progress.results[name] = run
            if run.error is not None and step.on_failure == "terminate":
                return progress.end("failed", name, str(run.error))
        return progress.end("done")

    def check_references(self) -> ReferenceReport:
        """Try every reference to an image step against each way that step can end; see `check_references`.

        References to what functions give are not tried: what they give is known when they have run.
        """
        succeeded = {name: simulate(step) for name, step in self.image_steps.items()}
        names, findings = list(self.steps), []
        for name, step in self.image_steps.items():
            later = {
                place: self.image_steps[place].prompt
                for place in names[names.index(name) + 1 :]
                if place in self.image_steps
            }
            others = {other: run for other, run in succeeded.items() if other != name}
            report = check_references(later, step, identifier=name, inputs={**self.inputs, **others})
            findings += [one for one in report.findings if one.reference.strip("{} ").split(".")[0] == name]
        return ReferenceReport(tuple(findings))

    def save(self, path: str | os.PathLike[str], *, run: WorkflowRun | None = None) -> SavedWorkflow:
        """Export all steps as one file, with what `run` gave; an older file is replaced whole.

        Raises `DefinitionError`, and its kind `SecretFound` where the text holds a key.
        """
        from imagegen_nb.workflows.workflow_file import save

        if run is None:
            return save(path, self.inputs, self.steps, {})
        if dict(run.steps) != dict(self.steps):
            raise DefinitionError("the run is of another workflow: export it with its own, or leave run out")
        return save(path, run.inputs, self.steps, run.results)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, functions: Mapping[str, Function] | None = None) -> Self:
        """The workflow of such a file. `functions` gives those that stand in for steps, by identifier; one
        that is not given returns what the file has of it. Raises `DefinitionError`."""
        from imagegen_nb.workflows.workflow_file import load

        inputs, steps = load(path, functions or {})
        return cls(inputs, steps=steps)

    def _begin(self, inputs: Mapping[str, Any] | None) -> _Progress:
        """What stands before the first step, with everything checked that can be."""
        if inputs is not None and not isinstance(inputs, Mapping):
            raise InvalidOption(f"inputs is of type {type(inputs).__name__}: give values by name")
        given = plain(inputs or {})
        for name in given:
            if name in self.steps:
                raise InvalidOption(f"inputs has {name!r}, which is a step of this workflow")
        values = {**self.inputs, **given}
        references.check(self.steps, values)
        return _Progress(self, values)

    def _title(self) -> str:
        count = len(self.steps)
        return f"Workflow · {count} step{'' if count == 1 else 's'}"

    def _notes(self) -> list[str]:
        return [f"inputs: {', '.join(self.inputs)}"] if self.inputs else []

    def _cards(self) -> list[strip.Card]:
        return [strip.card(name, step, None, has_run=False) for name, step in self.steps.items()]

    def __repr__(self) -> str:
        return strip.text(self._title(), self._notes(), self._cards())

    def _repr_html_(self) -> str:
        return strip.html(self._title(), self._notes(), self._cards())


class _Progress:
    """The results of a run that is under way."""

    def __init__(self, workflow: Workflow, inputs: Mapping[str, Any]) -> None:
        self._workflow = workflow
        self._inputs = inputs
        self.results: dict[str, Run | FunctionResult] = {}

    def context(self) -> dict[str, Any]:
        """What the next step sees: plain data of its own, which a function may change."""
        outputs = {name: result.as_context() for name, result in self.results.items()}
        return {str(name): value for name, value in plain({**self._inputs, **outputs}).items()}

    @contextmanager
    def reaching(self, name: str) -> Iterator[None]:
        """Whatever ends the workflow in the block, at the step `name`, leaves the results so far behind."""
        try:
            yield
        except StepFailed as failed:
            self.results[name] = failed.run
            self.end("failed", name, str(failed))
            failed.add_note(self._note(name))
            raise
        except (KeyboardInterrupt, asyncio.CancelledError):
            self.end("cancelled", name, "interrupted")
            raise
        except Exception as error:
            self.end("failed", name, f"{type(error).__name__}: {error}")
            error.add_note(self._note(name))
            raise

    def end(self, status: WorkflowStatus, stopped_at: str | None = None, reason: str = "") -> WorkflowRun:
        """The run as it stands, which the workflow remembers."""
        workflow = self._workflow
        workflow.last_run = WorkflowRun(
            workflow.steps, self._inputs, self.results, status, stopped_at, reason
        )
        return workflow.last_run

    def _note(self, name: str) -> str:
        before = "" if not self.results else "; workflow.last_run has what was made"
        return f"the workflow ended at {name}{before}"


def _checked(steps: object) -> dict[str, ImageGenerationStep | Function]:
    if not isinstance(steps, Mapping) or not steps:
        raise InvalidOption('steps: give one or more by identifier, e.g. steps={"step_1": step}')
    checked: dict[str, ImageGenerationStep | Function] = {}
    for name, step in steps.items():
        check_identifier(name)
        given = step.step if isinstance(step, StepDefinition) else step
        if not isinstance(given, ImageGenerationStep) and (not callable(given) or inspect.isclass(given)):
            raise InvalidOption(
                f"steps[{name!r}] is of type {type(step).__name__}: give an ImageGenerationStep, or a "
                "function that stands in for a step of another kind"
            )
        checked[name] = given
    return checked


def _at_once(value: Any, name: str) -> Any:
    """What a function returned, unless it is yet to come."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise InvalidOption(f"the function of {name} is async: use `await workflow.arun(...)`")
    return value
