"""What a sweep's runs cost, in a line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb.sweeps.spending import Spent, told


@pytest.mark.parametrize(
    ("runs", "line"),
    [
        ([], "cost: nothing was run"),
        ([Spent(Decimal("0.1"))], "cost of 1 run: $0.10"),
        ([Spent(Decimal("0.1"), is_synthetic=True)] * 2, "cost of 2 runs, if they were real: $0.20"),
        ([Spent(Decimal("0.1")), Spent(None)], "cost of 2 runs: at least $0.10, and unknown for 1 of them"),
        ([Spent(None, Decimal("0.3"))], "cost of 1 run: at least $0.30, and unknown for 1 of them"),
        ([Spent(None)], "cost of 1 run: unknown for 1 of them"),
        (
            [Spent(Decimal(0), is_synthetic=True, is_replayed=True)],
            "cost of 1 run: $0.00 (1 replayed, which costs nothing)",
        ),
    ],
)
def test_what_is_known_is_summed_and_what_is_not_is_counted(runs, line):
    assert told(runs) == line
