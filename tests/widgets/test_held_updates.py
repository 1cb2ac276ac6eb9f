"""Several changes as one update."""

from __future__ import annotations

import pytest

from imagegen_nb.widgets.held_updates import HeldUpdates


def counting() -> tuple[HeldUpdates, list[bool]]:
    """Updates that note of each call whether it still was to wait."""
    calls: list[bool] = []
    updates = HeldUpdates(lambda: calls.append(updates.held))
    return updates, calls


def test_the_outermost_hold_ends_with_the_update_that_counts():
    updates, calls = counting()
    with updates.hold():
        with updates.hold():
            assert updates.held
        assert calls == [True]
    assert calls == [True, False]


def test_what_fails_within_is_updated_all_the_same():
    updates, calls = counting()
    with pytest.raises(ZeroDivisionError), updates.hold():
        1 / 0  # noqa: B018
    assert calls == [False]
    assert not updates.held
