"""What the cells of a sweep may cost together."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb import ImageGenerationStep, Sweep
from imagegen_nb.pricing.estimate import Estimate, estimate
from imagegen_nb.sweeps import estimate as sweep_estimate
from imagegen_nb.sweeps.estimate import total


def known(low: str, high: str) -> Estimate:
    amounts = {"low": Decimal(low), "high": Decimal(high), "ceiling": Decimal(high)}
    return Estimate(provider="openai", model="m", count=1, **amounts)


def unknown(ceiling: str | None = None, because: str = "it is auto") -> Estimate:
    most = None if ceiling is None else Decimal(ceiling)
    return Estimate(provider="openai", model="m", count=1, ceiling=most, reason=because)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([known("0.10", "0.1"), known("0.011", "0.2")], "$0.1110–0.30 for 2 cells"),
        ([known("0.1", "0.1")], "$0.10 for 1 cell"),
        ([known("0.1", "0.1"), unknown()], "2 cells: $0.10 for 1 and an unknown amount for 1 (it is auto)"),
        (
            [known("0.1", "0.1"), unknown("0.5")],
            "at most $0.60 for 2 cells: $0.10 for 1 and at most $0.50 for 1 (it is auto)",
        ),
        ([unknown()], "an unknown amount for 1 cell (it is auto)"),
        ([unknown("0.5"), unknown("0.5")], "at most $1.00 for 2 cells (it is auto)"),
        (
            [unknown("0.5"), unknown(because="no price is published")],
            "an unknown amount for 2 cells (no price is published)",
        ),
    ],
)
def test_what_is_known_is_summed_and_the_rest_is_never_free(cells, told):
    estimate = total((cell, 1) for cell in cells)
    assert str(estimate) == told
    assert estimate.known == all(cell.known for cell in cells)


def test_a_sweep_and_its_cells_say_what_they_may_cost():
    step = ImageGenerationStep(prompt="a {{thing}}", model="grok-imagine-image")
    sweep = Sweep(step, over={"thing": ["lamp", "vase"]})
    assert [cell.estimate.low for cell in sweep] == [Decimal("0.02")] * 2
    assert "estimate: $0.04 for 2 cells" in repr(sweep)
    mixed = Sweep(step, over={"thing": ["lamp"], "model": ["grok-imagine-image", "gpt-image-2"]})
    assert not mixed.estimate().known
    assert mixed.estimate().ceiling > Decimal("0.02")


def test_what_costs_the_same_is_priced_once(monkeypatch):
    """Of a hundred thousand cells, whose prompts mostly have a few lengths, each was priced by itself."""
    priced = []
    monkeypatch.setattr(sweep_estimate, "estimate", lambda call: priced.append(call) or estimate(call))
    step = ImageGenerationStep(prompt="a {{thing}}", image_size="1024x1024")
    over = {"thing": ["a", "b", "é", "cd"], "image_quality": ["low", "high"]}
    sweep = Sweep(step, over=over, repeats=3)
    told = sweep.estimate()
    assert len(priced) == 4  # two lengths in bytes, two qualities
    assert told == total((cell.estimate, 1) for cell in sweep)
    assert told.cells == 24
