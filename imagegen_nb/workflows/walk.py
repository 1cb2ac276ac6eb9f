"""The one walk over the steps of a workflow, which every way to run it shares.

It does nothing itself: it hands out a turn for each step, with what that step sees, and takes back what came
of it. So whoever walks may wait, await or only simulate, under the same rules of what ends a workflow.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from imagegen_nb.core import variables
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption, StepFailed, VariableError
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.workflows.function_result import Function, FunctionResult, result_of
from imagegen_nb.workflows.workflow_run import WorkflowRun, WorkflowStatus

AWAITED = "is async: use `await workflow.arun(...)`; run() and simulate() take plain functions"


class Turn:
    """A step whose turn it is. In a `with` block it is given what came of it; what is raised there ends the
    workflow at this step, and leaves the results so far behind."""

    def __init__(self, walk: Walk, identifier: str, step: ImageGenerationStep | Function) -> None:
        self._walk = walk
        self.identifier = identifier
        self.step = step
        outputs = {name: result.as_context() for name, result in walk.results.items()}
        self.context: dict[str, Any] = plain({**walk.inputs, **outputs})
        """What the step sees: plain data of its own, which a function may change."""

    @property
    def inputs(self) -> dict[str, Any]:
        """What an image step is given: of what it sees, that which its prompt uses. The others are for other
        steps, and no mistake. All of it where something is missing, for what was meant."""
        prompt = self.step.prompt if isinstance(self.step, ImageGenerationStep) else ""
        if variables.unknown_paths(prompt, self.context):
            return self.context
        used = variables.inputs_of(prompt)
        return {name: value for name, value in self.context.items() if name in used}

    def ran(self, run: Run) -> None:
        """Take in the run of an image step."""
        self._walk.results[self.identifier] = run
        if run.error is not None and run.step.on_failure == "terminate":
            self._walk.end("failed", self.identifier, str(run.error))

    def gave(self, value: Any) -> None:
        """Take in what a function returned. Raises `VariableError` for what is no plain data."""
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise InvalidOption(f"the function of {self.identifier} {AWAITED}")
        self._walk.results[self.identifier] = result_of(self.step, self.identifier, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        status: WorkflowStatus = "failed"
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, StepFailed):
            self._walk.results[self.identifier] = error.run
            reason = str(error)
        elif isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            status, reason = "cancelled", "interrupted"
        elif isinstance(error, VariableError):
            for note in self._short_of(error.missing):
                error.add_note(note)
                reason += f". {note}"
        made = "; workflow.last_run has what was made" if self._walk.results else ""
        error.add_note(f"the workflow ended at {self.identifier}{made}")
        self._walk.end(status, self.identifier, reason)

    def _short_of(self, missing: tuple[str, ...]) -> Iterator[str]:
        """What became of the earlier image steps that left less than a prompt refers to."""
        for name in dict.fromkeys(path.partition(".")[0] for path in missing):
            run = self._walk.results.get(name)
            if isinstance(run, Run) and run.status != "done":
                always = f"Refer to what is always there, such as {{{{{name}.output.settings.model}}}}"
                ends = f', or let {name} end the workflow: on_failure="terminate"' if run.error else ""
                images = counted(run.requested, "image")
                yield f"{name} ({run.status}): {run.returned} of {images} came. {always}{ends}"


class Walk:
    """The turns of a run in order, and what came of them; `ended` is the run once it is over."""

    def __init__(
        self,
        steps: Mapping[str, ImageGenerationStep | Function],
        inputs: Mapping[str, Any],
        remember: Callable[[WorkflowRun], None],
    ) -> None:
        self._steps = steps
        self._remember = remember
        self.inputs = inputs
        self.results: dict[str, Run | FunctionResult] = {}
        self._ended: WorkflowRun | None = None

    def __iter__(self) -> Iterator[Turn]:
        for identifier, step in self._steps.items():
            yield Turn(self, identifier, step)
            if self._ended is not None:
                return
        self.end("done")

    @property
    def ended(self) -> WorkflowRun:
        """The run, when no turn is left."""
        if self._ended is None:
            raise AssertionError("the walk has turns left")
        return self._ended

    def end(self, status: WorkflowStatus, stopped_at: str | None = None, reason: str = "") -> None:
        """End the run as it stands, which is then remembered."""
        results = MappingProxyType(dict(self.results))
        self._ended = WorkflowRun(self._steps, self.inputs, results, status, stopped_at, reason)
        self._remember(self._ended)
