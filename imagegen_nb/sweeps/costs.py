"""The seam to prices: what a cell may cost and what it did, as far as the step and the run can tell."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep


def estimate_of(step: ImageGenerationStep, inputs: Mapping[str, Any]) -> Any | None:
    """What `step.estimate(inputs)` says; None where steps have no estimate."""
    estimate = getattr(step, "estimate", None)
    return estimate(inputs) if callable(estimate) else None


def cost_of(run: Run) -> Any | None:
    """What a run cost, as it says itself; None where runs do not tell."""
    return getattr(run, "cost", None)


def total(estimates: Iterable[Any | None]) -> Any | None:
    """The sum of the estimates; None where one is unknown: unknown is never nothing."""
    known = []
    for one in estimates:
        if one is None:  # at once: to estimate a hundred thousand cells takes a while
            return None
        known.append(one)
    return reduce(operator.add, known) if known else None
