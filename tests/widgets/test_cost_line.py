"""The sentence on what a run would cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb.pricing.estimate import Estimate
from imagegen_nb.widgets.cost_line import cost_line

CREDITS = "task credits (the platform counts one for each image)."


def estimate(**amounts):
    return Estimate(provider="openai", model="m", count=2, **amounts)


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ({"low": Decimal("0.04"), "high": Decimal("0.04")}, "$0.04"),
        ({"low": Decimal("0.04"), "high": Decimal("0.05")}, "about $0.04–0.05"),
        (
            {"ceiling": Decimal("0.71"), "reason": "image_size is auto"},
            "at most $0.71 (Image Size is auto)",
        ),
        (
            {"reason": "no price of m is published"},
            "an unknown amount (no price of m is published)",
        ),
    ],
)
def test_an_amount_is_told_with_what_it_depends_on(amounts, told):
    line = cost_line(estimate(**amounts), {"image_size": "Image Size"}, live=True)
    assert line == f"A run costs {told}, and 2 {CREDITS}"


def test_where_nothing_is_charged_it_speaks_of_what_is_not_the_case():
    line = cost_line(estimate(low=Decimal(1), high=Decimal(1)), {}, live=False)
    assert line == f"If it were real, a run would cost $1.00, and 2 {CREDITS}"
