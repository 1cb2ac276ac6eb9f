"""Which combinations of a sweep can be run: each is checked as its run would be, before anything is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from imagegen_nb.core.redaction import mask
from imagegen_nb.core.types import ChargeType
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption, InvalidStep, InvalidSweep, Problem, VariableError
from imagegen_nb.pricing.estimate import PricedCall
from imagegen_nb.runs.prepare import filled_prompt
from imagegen_nb.runs.recipe import call_of
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.axes import Axes, changes_of, label, with_inputs

_MOST_REASONS = 20
_LONGEST_VALUE = 60
_CALL_LENGTH = 24
"""Hexadecimal digits of a call's name that tell it from all others of a sweep."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One cell that can be run: its values in the order of the axes, its repeat from 1 on, and the name of
    its call, with which equal one of the sweep it is."""

    values: tuple[Any, ...]
    repeat: int
    call: str
    equal: int
    priced: PricedCall
    """What decides its cost: the same object for all cells that cost the same."""
    provider: str
    charge_type: ChargeType

    @property
    def payer(self) -> tuple[str, ChargeType]:
        """What decides where its call goes and who pays."""
        return self.provider, self.charge_type

    @property
    def key(self) -> str:
        """What the cell is called in the ledger, without the sweep and the attempt."""
        return f"{self.call[:_CALL_LENGTH]}.{self.equal}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A combination that cannot be run, with the reasons: axis, value, what is wrong and the remedy."""

    values: Mapping[str, Any]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(f"{name} = {label(value, _LONGEST_VALUE)}" for name, value in self.values.items())
        return mask(f"{named}: {'; '.join(self.reasons)}")


def plan(
    step: ImageGenerationStep, inputs: Mapping[str, Any], axes: Axes, repeats: int
) -> tuple[list[Plan], list[Skipped]]:
    """The cells that can be run, in order, and the combinations that cannot."""
    plans, skipped = list[Plan](), list[Skipped]()
    equal: Counter[str] = Counter()
    known: dict[PricedCall, PricedCall] = {}
    for values in axes.combinations:
        try:
            cell_step, filled = cell_of(step, inputs, axes.names, values)
            prompt = filled_prompt(cell_step.prompt, filled)
            call = call_of(cell_step.request(prompt))
            priced = cell_step.priced_call(prompt).without_words()
            provider = cell_step.entry.provider.name
        except (InvalidStep, VariableError, InvalidOption) as error:
            skipped.append(Skipped(dict(zip(axes.names, values, strict=True)), _reasons(error, axes.names)))
            continue
        for repeat in range(1, repeats + 1):
            equal[call] += 1
            priced = known.setdefault(priced, priced)
            plans.append(Plan(values, repeat, call, equal[call], priced, provider, cell_step.charge_type))
    return plans, skipped


def cell_of(
    step: ImageGenerationStep, inputs: Mapping[str, Any], names: Sequence[str], values: Sequence[Any]
) -> tuple[ImageGenerationStep, dict[str, Any]]:
    """The step and the inputs of a combination. Raises `InvalidStep` and `InvalidOption`."""
    settings, given = changes_of(names, values)
    return step.replace(**settings), with_inputs(inputs, given)


def content_name(plans: Sequence[Plan]) -> str:
    """A name that a sweep has from what it asks, whatever the order of its axes."""
    keys = "\n".join(sorted(plan.key for plan in plans))
    return f"sweep-{sha256(keys.encode()).hexdigest()[:16]}"


def instead_of(step: object) -> str:
    """What to write for what is no step; a workflow is known by what it has, as it lies in a higher layer."""
    if isinstance(steps := getattr(step, "image_steps", None), Mapping):
        name = next(iter(steps), "step_1")
        return (
            "a sweep varies one step. Sweep one of its steps, "
            f"Sweep(workflow.steps[{name!r}], over={{...}}), or run the workflow with each value: "
            "[workflow.run({...}, workspace=ws) for ...]"
        )
    return "write Sweep(step, over={...})"


def refusal(skipped: Sequence[Skipped], total: int) -> InvalidSweep:
    """The error for combinations that cannot be run, for the caller to raise: each reason once, with how
    often it holds."""
    counts = Counter(reason for one in skipped for reason in one.reasons)
    examples = {reason: one for one in reversed(skipped) for reason in one.reasons}
    lines = [
        f"  {number}. {reason} ({_how_often(count)} {_named(examples[reason])})"
        for number, (reason, count) in enumerate(counts.most_common(_MOST_REASONS), 1)
    ]
    if len(counts) > _MOST_REASONS:
        lines.append(f"  … and {len(counts) - _MOST_REASONS} more reasons")
    return InvalidSweep(
        mask(
            f"{len(skipped)} of {counted(total, 'combination')} cannot be run:\n" + "\n".join(lines) + "\n"
            '  invalid="skip" leaves these combinations out and runs the others'
        ),
        tuple(skipped),
    )


def _how_often(count: int) -> str:
    return "in" if count == 1 else f"in {count:,} combinations, such as"


def _named(skipped: Skipped) -> str:
    return ", ".join(f"{name} = {label(value, _LONGEST_VALUE)}" for name, value in skipped.values.items())


def _reasons(error: InvalidStep | VariableError | InvalidOption, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(error, InvalidStep):
        return tuple(_placed(problem, names) for problem in error.problems)
    if isinstance(error, VariableError) and error.not_given:
        roots = ", ".join(dict.fromkeys(path.partition(".")[0] for path in error.not_given))
        return (error.told(f"Give {roots} a value in inputs, or several in over or rows"),)
    return (str(error),)


def _placed(problem: Problem, names: Sequence[str]) -> str:
    """A problem, saying that its value is the step's own where no axis gives it."""
    return str(problem) if problem.field in names else f"{problem} (the step's own {problem.field})"


def values_on_axes(plans: Sequence[Plan], names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each axis with how many different values the cells have on it."""
    for place, name in enumerate(names):
        yield name, len({label(plan.values[place]) for plan in plans})
