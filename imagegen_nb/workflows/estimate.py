"""What the steps of a workflow would cost together, before any of them has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from imagegen_nb.core import html_repr, variable_mistakes, variables
from imagegen_nb.core.filenames import LONGEST_FILE_NAME
from imagegen_nb.core.money import CURRENCY, show
from imagegen_nb.core.words import counted
from imagegen_nb.pricing.amount_in_words import amount_in_words, because
from imagegen_nb.pricing.estimate import Estimate
from imagegen_nb.pricing.estimate import estimate as priced
from imagegen_nb.runs.budget_outlook import outlook
from imagegen_nb.step.step import LONGEST_PROMPT, ImageGenerationStep
from imagegen_nb.workflows import references
from imagegen_nb.workflows.function_result import function_name

if TYPE_CHECKING:
    from imagegen_nb.runs.workspace import Workspace

_SOME_BYTES = 1_000
_MOST_BYTES = 4
"""Bytes of a character in UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkflowEstimate:
    """The sum of the image steps' estimates, in dollars of the providers' list prices; `steps` has each.

    `low` and `high` bound it, and are None where one step's cost is unknown; then `reason` says which and
    why, and `at_least` what the others cost. `not_known_yet` has, by step, what its prompt takes from earlier
    steps, where that costs by its length: it is left out of `low` and `high`, as a note says. `ceiling` is
    the most that all can cost, with prompts as long as they may be; None where it has no upper bound.
    """

    steps: Mapping[str, Estimate]
    not_known_yet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ceiling: Decimal | None = None
    notes: tuple[str, ...] = ()
    currency: str = CURRENCY

    @property
    def known(self) -> bool:
        """Whether there are amounts; an unknown cost is None, never 0."""
        return all(one.known for one in self.steps.values())

    @property
    def exact(self) -> bool:
        """Whether the amount is known to the last digit."""
        return self.known and self.low == self.high

    @property
    def at_least(self) -> Decimal:
        """What the steps cost whose cost is known."""
        return sum((one.low for one in self.steps.values() if one.low is not None), Decimal(0))

    @property
    def low(self) -> Decimal | None:
        """The least that the workflow can cost."""
        return self.at_least if self.known else None

    @property
    def high(self) -> Decimal | None:
        """The most, apart from what is not known yet."""
        highs = [one.high for one in self.steps.values() if one.high is not None]
        return sum(highs, Decimal(0)) if self.known else None

    @property
    def reason(self) -> str:
        """Which step's cost is unknown, and why; empty where all are known."""
        return next((f"{name}: {one.reason}" for name, one in self.steps.items() if not one.known), "")

    @property
    def count(self) -> int:
        """The images of all steps."""
        return sum(one.count for one in self.steps.values())

    @property
    def task_credits(self) -> int:
        """Credits the platform counts for its tasks: 1 for each image."""
        return sum(one.task_credits for one in self.steps.values())

    @property
    def short(self) -> str:
        """The estimate in a few words."""
        task_credits = counted(self.task_credits, "task credit")
        amount = amount_in_words(self.low, self.high, ceiling=self.ceiling, at_least=self.at_least)
        apart = ", apart from what is not known yet" if self.known and self.not_known_yet else ""
        return f"{amount}{apart}{because(self.reason)} · {task_credits}"

    @property
    def title(self) -> str:
        """Steps, images and cost in one line."""
        steps = counted(len(self.steps), "image step")
        return f"Workflow · {steps} · {counted(self.count, 'image')} · {self.short}"

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; amounts are text, so that no digit is lost, and null where unknown."""
        amounts = {name: getattr(self, name) for name in ("low", "high", "at_least", "ceiling")}
        return {
            "count": self.count,
            **{name: None if amount is None else f"{amount:f}" for name, amount in amounts.items()},
            "currency": self.currency,
            "reason": self.reason,
            "task_credits": self.task_credits,
            "not_known_yet": {name: list(paths) for name, paths in self.not_known_yet.items()},
            "notes": list(self.notes),
            "steps": {name: one.as_dict() for name, one in self.steps.items()},
        }

    def _lines(self) -> list[str]:
        lines = [f"{name}: {one.title}" for name, one in self.steps.items()]
        shared = dict.fromkeys(note for one in self.steps.values() for note in one.notes)
        prices = [price for one in self.steps.values() for price in one.prices.values()]
        sources = dict.fromkeys(f"prices: {price.source}, {price.date}" for price in prices)
        return [*lines, *self.notes, *shared, *sources]

    def __repr__(self) -> str:
        return html_repr.text(self.title, self._lines(), ())

    def _repr_html_(self) -> str:
        return html_repr.html(self.title, self._lines(), ())


def estimate(
    steps: Mapping[str, object], inputs: Mapping[str, Any], workspace: Workspace | None
) -> WorkflowEstimate:
    """What the image steps would cost with these inputs, for the account that would pay in `workspace`, and
    what its budgets would say. Nothing is sent. Raises `VariableError` for a prompt that cannot be filled."""
    estimates: dict[str, Estimate] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    ceilings: list[Decimal | None] = []
    for name, step in steps.items():
        if not isinstance(step, ImageGenerationStep):
            notes.append(f"{name}: {function_name(step)}() stands in; what it asks itself is not counted")
            continue
        template = variables.without(step.prompt, steps.keys())
        prompt = variables.render(template, inputs)
        if note := variable_mistakes.note_of_empty(template, inputs):
            notes.append(f"{name}: {note}")
        estimates[name] = known = _estimate(step, prompt, workspace)
        ceilings.append(known.ceiling)
        referred = references.to_steps(step, list(steps))
        each = _more(step, prompt, _SOME_BYTES, workspace, known) if referred else None
        if each:
            unknown[name] = tuple(referred)
            listed = f"{', '.join(referred)} {'is' if len(referred) == 1 else 'are'}"
            price = f"each {_SOME_BYTES:,} bytes of it cost {show(each)} at most"
            longest, counted_as = _longest(step, prompt, steps)
            more = _more(step, prompt, longest, workspace, known)
            most = f"the most that the step can cost counts {counted_as}, {show(more)} more"
            notes.append(f"{name}: {listed} not known yet; {price}; {most}")
            ceilings[-1] = (known.ceiling or Decimal(0)) + more
    if workspace is not None:
        runs = [
            (name, step, estimates[name].ceiling)
            for name, step in steps.items()
            if isinstance(step, ImageGenerationStep)
        ]
        notes += outlook(workspace, runs)
    known_ceilings = [one for one in ceilings if one is not None]
    return WorkflowEstimate(
        steps=estimates,
        not_known_yet=unknown,
        ceiling=sum(known_ceilings, Decimal(0)) if len(known_ceilings) == len(ceilings) else None,
        notes=tuple(notes),
    )


def _estimate(step: ImageGenerationStep, prompt: str, workspace: Workspace | None) -> Estimate:
    return priced(step.priced_call(prompt)) if workspace is None else workspace.estimate(step, prompt)


def _longest(step: ImageGenerationStep, prompt: str, steps: Mapping[str, object]) -> tuple[int, str]:
    """By how many bytes the prompt can become longer with what earlier steps give, and what that is."""
    most = LONGEST_PROMPT * _MOST_BYTES - len(prompt.encode())
    referred = [
        path for tag in variables.TAG.findall(step.prompt) if (path := tag.strip().split("."))[0] in steps
    ]
    if all(path[-1] == "file_name" and isinstance(steps[path[0]], ImageGenerationStep) for path in referred):
        names = "the longest file name" + "s" * (len(referred) > 1)
        return min(len(referred) * LONGEST_FILE_NAME, most), names
    return most, "the longest prompt"


def _more(
    step: ImageGenerationStep, prompt: str, count: int, workspace: Workspace | None, known: Estimate
) -> Decimal:
    """How much more the step can cost with a prompt that is so many bytes longer."""
    longer = _estimate(step, prompt + "x" * count, workspace).ceiling
    return Decimal(0) if longer is None or known.ceiling is None else longer - known.ceiling
