"""A cell of a sweep as its user sees it: what it asks, what came of it, and its images."""

from __future__ import annotations

from typing import Any, Protocol

from imagegen_nb.core.near_attributes import NearAttributes
from imagegen_nb.core.redaction import visible
from imagegen_nb.errors import Charge
from imagegen_nb.pricing.cost import Cost
from imagegen_nb.pricing.estimate import Estimate
from imagegen_nb.runs.marks import is_starred, notes_on, scores_of
from imagegen_nb.runs.pictured import Pictured
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, local_files
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.axes import INPUTS, label
from imagegen_nb.sweeps.cells import Plan
from imagegen_nb.sweeps.results import CellOutcome, Result

_LONGEST_VALUE = 60


class CellSource(Protocol):
    """A `Sweep` as its cells and its grid see it."""

    axes: tuple[str, ...]
    repeats: int
    _plans: list[Plan]
    _of_rows: frozenset[str]

    @property
    def title(self) -> str:
        """What the sweep is, in a line."""
        ...

    def notes(self) -> list[str]:
        """What there is to say of the whole."""
        ...

    def _step_and_inputs(self, number: int) -> tuple[ImageGenerationStep, dict[str, Any]]: ...

    def _result(self, number: int) -> Result: ...

    def _run_of(self, number: int) -> Run | None: ...

    def _assets_of(self, number: int) -> tuple[Asset, ...]: ...

    def _is_picked(self, number: int) -> bool: ...


class Cell(NearAttributes, Pictured):
    """One combination of a sweep, in one of its repeats.

    It holds no images: `run` and `assets` come out of the store when they are asked for.
    """

    def __init__(self, sweep: CellSource, number: int) -> None:
        self._sweep = sweep
        self.number = number

    @property
    def values(self) -> dict[str, Any]:
        """What this cell has on each axis."""
        return dict(zip(self._sweep.axes, self._sweep._plans[self.number].values, strict=True))

    @property
    def repeat(self) -> int:
        """Which repeat of its combination it is, from 1 on."""
        return self._sweep._plans[self.number].repeat

    @property
    def step(self) -> ImageGenerationStep:
        """The step with this cell's settings."""
        return self._sweep._step_and_inputs(self.number)[0]

    @property
    def inputs(self) -> dict[str, Any]:
        """What fills the step's prompt in this cell."""
        return self._sweep._step_and_inputs(self.number)[1]

    @property
    def result(self) -> Result:
        """What is known of it."""
        return self._sweep._result(self.number)

    @property
    def outcome(self) -> CellOutcome:
        """How it ended, or that it was not run yet."""
        return self.result.outcome

    @property
    def charge(self) -> Charge:
        """Whether it cost something; of an emulated cell, whether it would have. Tables say "emulated"."""
        return self.result.charge

    @property
    def error(self) -> str:
        """Why it gave no image; empty where it did, or was not run."""
        return self.result.error

    @property
    def reused(self) -> bool:
        """Whether its images were made for something else, by the same call."""
        return self.result.reused

    @property
    def run(self) -> Run | None:
        """Its run, out of the store; None where it has none."""
        return self._sweep._run_of(self.number)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """Its images; empty where there are none."""
        return self._sweep._assets_of(self.number)

    @property
    def picked(self) -> bool:
        """Whether it was picked, with the run that it has."""
        return self._sweep._is_picked(self.number)

    @property
    def estimate(self) -> Estimate:
        """What it may cost; its amounts are None where that is unknown."""
        step, inputs = self._sweep._step_and_inputs(self.number)
        return step.estimate(inputs)

    @property
    def cost(self) -> Cost | None:
        """What it did cost; None where it was not run."""
        return None if (run := self.run) is None else run.cost

    @property
    def label(self) -> str:
        """Its values in a line."""
        return self.label_of(self._sweep.axes)

    def label_of(self, axes: tuple[str, ...]) -> str:
        """Its values on these axes in a line; the repeat where there are several."""
        values = self.values
        parts = [f"{axis.removeprefix(INPUTS)}: {label(values[axis], _LONGEST_VALUE)}" for axis in axes]
        parts += [f"repeat {self.repeat}"] if self._sweep.repeats > 1 else []
        return " · ".join(parts)

    def row(self) -> dict[str, Any]:
        """What a table has of it."""
        result, assets = self.result, self.assets
        facts = {
            **self.values,
            "repeat": self.repeat,
            "outcome": result.outcome,
            "charge": result.charge_told,
            "reused": result.reused,
            "error": result.error,
            "run_id": result.run_id,
            "images": [str(path) for path in local_files(assets)],
            "starred": is_starred(assets),
            "note": notes_on(assets),
            "picked": self.picked,
            **{f"score by {judge}": number for judge, number in scores_of(assets).items()},
        }
        amount = None if self.cost is None else self.cost.amount
        return {**facts, "cost_usd": None if amount is None else float(amount)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and (self._sweep, self.number) == (other._sweep, other.number)

    def __hash__(self) -> int:
        return hash((id(self._sweep), self.number))

    def __repr__(self) -> str:
        reason = f": {self.error}" if self.error else ""
        return visible(f"<Cell {self.number} {self.label} · {self.outcome}{reason}>")
