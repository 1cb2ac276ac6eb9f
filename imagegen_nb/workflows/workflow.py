"""A workflow: image steps that run one after another, each with the outputs of those before it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, get_args

from imagegen_nb.core.keywords import did_you_mean, helpful_calls, no_workspace
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.variable_paths import check_identifier
from imagegen_nb.errors import DefinitionError, InvalidOption, MissingCredential
from imagegen_nb.runs.output_reference_check import ReferenceReport, check_references
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.simulation import Outcome, simulate
from imagegen_nb.step.run_context import RunContext
from imagegen_nb.step.step import ImageGenerationStep, check_inputs
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.workflows import references, strip
from imagegen_nb.workflows.function_result import Function, function_name, is_async, takes_context
from imagegen_nb.workflows.walk import AWAITED, Turn, Walk
from imagegen_nb.workflows.workflow_run import WorkflowRun

if TYPE_CHECKING:
    from imagegen_nb.core.events import RunEvent
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.workflows.estimate import WorkflowEstimate
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
        check_inputs(inputs)
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

        def make(step: ImageGenerationStep, turn: Turn) -> Run:
            return step.run(turn.inputs, workspace=workspace, identifier=turn.identifier, on_event=on_event)

        return _walked(self._begin(inputs, workspace), make)

    async def arun(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        workspace: RunContext[ImageGenerationStep, Run],
        on_event: Callable[[RunEvent[Run]], object] | None = None,
    ) -> WorkflowRun:
        """As `run`, to be awaited from any event loop; functions may be async."""
        walk = self._begin(inputs, workspace, may_await=True)
        for turn in walk:
            with turn:
                if isinstance(turn.step, ImageGenerationStep):
                    turn.ran(
                        await turn.step.arun(
                            turn.inputs, workspace=workspace, identifier=turn.identifier, on_event=on_event
                        )
                    )
                else:
                    value = turn.step(turn.context)
                    turn.gave(await value if inspect.isawaitable(value) else value)
        return walk.ended

    def simulate(
        self, outcomes: Mapping[str, Outcome] | None = None, *, inputs: Mapping[str, Any] | None = None
    ) -> WorkflowRun:
        """The run it would be if steps ended as `outcomes` says, the others well; nothing is asked or spent.

        Functions are called. A step that fails and says "terminate" ends the run, which is returned.
        """
        if outcomes is not None and not isinstance(outcomes, Mapping):
            raise InvalidOption(
                f"outcomes is of type {type(outcomes).__name__}: give them by step, "
                'e.g. {"step_1": "partial"}'
            )
        chosen = dict(outcomes or {})
        for name, outcome in chosen.items():
            if name not in self.image_steps:
                raise InvalidOption(f"outcomes has {name!r}: {self._no_image_step(name)}")
            if outcome not in (known := get_args(Outcome)):
                raise InvalidOption(f"outcomes[{name!r}] = {outcome!r}: {did_you_mean(str(outcome), known)}")

        def make(step: ImageGenerationStep, turn: Turn) -> Run:
            outcome = chosen.get(turn.identifier, "success")
            return simulate(step, outcome, inputs=turn.inputs, identifier=turn.identifier)

        return _walked(self._begin(inputs), make)

    def estimate(
        self, inputs: Mapping[str, Any] | None = None, *, workspace: Workspace | None = None
    ) -> WorkflowEstimate:
        """What all steps would cost at the providers' list prices; nothing is sent, and no function called.

        With a `workspace`, for the account that would pay there, and with what its budgets would say. What a
        prompt takes from an earlier step is not known yet, which is said. Raises `VariableError` where a
        prompt cannot be filled.
        """
        from imagegen_nb.workflows.estimate import estimate

        if workspace is not None and not callable(getattr(workspace, "estimate", None)):
            raise no_workspace(workspace)
        return estimate(self.steps, {**self.inputs, **self._given(inputs)}, workspace)

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

    def save(
        self, path: str | os.PathLike[str], *, run: WorkflowRun | None = None, overwrite: bool = False
    ) -> SavedWorkflow:
        """Export all steps as one file, with what `run` gave; an older file of steps with the same
        identifiers is replaced whole.

        Raises `DefinitionError`, also where something else is there, unless `overwrite`, and its kind
        `SecretFound` where the text holds a key.
        """
        from imagegen_nb.workflows.workflow_file import save

        if run is not None and not isinstance(run, WorkflowRun):
            raise InvalidOption(
                f"run is of type {type(run).__name__}: give what workflow.run(...) gave, or workflow.last_run"
            )
        if run is None:
            return save(path, self.inputs, self.steps, {}, overwrite=overwrite)
        if dict(run.steps) != dict(self.steps):
            raise DefinitionError("the run is of another workflow: export it with its own, or leave run out")
        return save(path, run.inputs, self.steps, run.results, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, functions: Mapping[str, Function] | None = None) -> Self:
        """The workflow of such a file. `functions` gives those that stand in for steps, by identifier; one
        that is not given returns what the file has of it. Raises `DefinitionError`."""
        from imagegen_nb.workflows.workflow_file import read_workflow

        if functions is not None and not isinstance(functions, Mapping):
            raise InvalidOption(
                f"functions is of type {type(functions).__name__}: give them by identifier, "
                'e.g. functions={"ask": choose}'
            )
        definition = read_workflow(path)
        return cls(definition.inputs, steps=definition.steps(functions or {}))

    def _begin(
        self,
        inputs: Mapping[str, Any] | None,
        workspace: RunContext[ImageGenerationStep, Run] | None = None,
        *,
        may_await: bool = False,
    ) -> Walk:
        """The walk before its first step, with everything checked that can be."""
        given = self._given(inputs)
        for name, step in self.steps.items():
            if not isinstance(step, ImageGenerationStep):
                if not may_await and is_async(step):
                    raise InvalidOption(f"the function of {name} {AWAITED}")
            elif workspace is not None:
                _check_account(workspace, name, step)
        return Walk(self.steps, {**self.inputs, **given}, partial(setattr, self, "last_run"))

    def _no_image_step(self, name: object) -> str:
        """What a name is that has no outcome, and what to write."""
        if name in self.inputs:
            return f"it is an input, and inputs are given by name: simulate(inputs={{{name!r}: …}})"
        return f"no image step of this workflow; it has {', '.join(self.image_steps)}"

    def _given(self, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
        """The inputs of a run that take the place of the workflow's own, as plain data."""
        check_inputs(inputs)
        given: dict[str, Any] = plain(inputs or {})
        for name in given:
            if name in self.steps:
                remedy = ""
                if given[name] in get_args(Outcome):
                    remedy = f": how it ends is for simulate({{{name!r}: {given[name]!r}}})"
                raise InvalidOption(f"inputs has {name!r}, which is a step of this workflow{remedy}")
            if name not in self.inputs:  # else a misspelt one would be paid for with the old value
                raise InvalidOption(
                    f"inputs has {name!r}, which this workflow does not ask for; "
                    f"{did_you_mean(name, self.inputs)}"
                )
        references.check_inputs(self.steps, given)
        return given

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


def _walked(walk: Walk, make: Callable[[ImageGenerationStep, Turn], Run]) -> WorkflowRun:
    """Walk to the end without awaiting anything; `make` gives the runs of image steps."""
    for turn in walk:
        with turn:
            if isinstance(turn.step, ImageGenerationStep):
                turn.ran(make(turn.step, turn))
            else:
                turn.gave(turn.step(turn.context))
    return walk.ended


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
        if not isinstance(given, ImageGenerationStep) and not takes_context(given):
            raise InvalidOption(
                f"steps[{name!r}]: {function_name(given)}() has to take one value, a dict of the inputs and "
                f"the earlier outputs: def {function_name(given)}(context)"
            )
        checked[name] = given
    return checked


def _check_account(
    workspace: RunContext[ImageGenerationStep, Run], name: str, step: ImageGenerationStep
) -> None:
    """Find out that a later step has no key before an earlier one has cost money."""
    if not callable(getattr(workspace, "route", None)):
        return  # no workspace: said by the step
    try:
        workspace.route(step.entry.provider, step.charge_type)
    except MissingCredential as error:
        error.add_note(f"{name} needs it; nothing was sent yet")
        raise
