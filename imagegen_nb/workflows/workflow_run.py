"""What a run of a workflow gave, step by step; it shows itself as a strip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imagegen_nb.core.types import backend_mark
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.workflows import strip
from imagegen_nb.workflows.function_result import FunctionResult

WorkflowStatus = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, repr=False)
class WorkflowRun:
    """The results of a workflow's steps: `run["step_1"]` is a `Run`, or what a function gave.

    `status` is "done" when every step was reached, "failed" when a step ended the workflow, and "cancelled"
    when it was interrupted. `stopped_at` names the step that ended it, and `reason` says why; the steps
    behind it have no result.
    """

    steps: Mapping[str, object]
    inputs: Mapping[str, Any]
    results: Mapping[str, Run | FunctionResult]
    status: WorkflowStatus
    stopped_at: str | None = None
    reason: str = ""

    def __getitem__(self, identifier: str) -> Run | FunctionResult:
        if identifier in self.results:
            return self.results[identifier]
        if identifier in self.steps:
            raise InvalidOption(f"{identifier} gave nothing: the workflow ended at {self.stopped_at}")
        raise InvalidOption(f"{identifier!r} is no step of this workflow; it has {', '.join(self.steps)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def as_context(self) -> dict[str, Any]:
        """Inputs and outputs by name, as plain data: all that a further step could refer to."""
        return {**self.inputs, **{name: result.as_context() for name, result in self.results.items()}}

    @property
    def title(self) -> str:
        """How it went, in one line that is the same for equal runs."""
        runs = [result for result in self.results.values() if isinstance(result, Run)]
        mark = next(filter(None, (backend_mark(run.backend) for run in runs)), "")
        steps = f"{len(self.results)} of {counted(len(self.steps), 'step')}"
        return f"Workflow · {steps} · {self.status}{mark}"

    def _notes(self) -> list[str]:
        return [f"ended at {self.stopped_at}"] if self.stopped_at else []

    def _cards(self) -> list[strip.Card]:
        cards = [strip.card(name, step, self.results.get(name)) for name, step in self.steps.items()]
        return [
            card.ended(self.status, self.reason)
            if card.identifier == self.stopped_at and card.identifier not in self.results
            else card
            for card in cards
        ]

    def __repr__(self) -> str:
        return strip.text(self.title, self._notes(), self._cards())

    def _repr_html_(self) -> str:
        return strip.html(self.title, self._notes(), self._cards())
