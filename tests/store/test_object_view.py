"""What the log of an object store says, in memory: its totals, and what a look at them costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.ledger import entry

from imagegen_nb.store.base import LedgerEntry, Spending
from imagegen_nb.store.object_documents import Change, Entry, RunEnd
from imagegen_nb.store.object_view import View


class Countable(dict[str, LedgerEntry]):
    """Runs by their ids, which may be looked up, and not gone through."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all runs were gone through")

    def values(self):
        return iter(self)

    items = values


def applied(view: View, *changes: Change) -> None:
    view.apply(Entry(key="k", owner="me", changes=changes))


def ended(run: LedgerEntry, **changes: object) -> Change:
    return Change(ended=RunEnd.of(replace(run, ended_at="2026-11-28T00:00:00+00:00", **changes)))


def test_totals_follow_every_change_of_a_run_and_go_through_none():
    """An interrupted run may yet end, and its cost may become known."""
    view = View()
    view.runs = Countable()
    run, other = entry(session="s", ceiling_ticks=7), entry(session="t", ceiling_ticks=None)
    applied(view, Change(begun=run), Change(begun=other))
    for session, told in ((None, Spending(reserved=7, unbounded=1)), ("s", Spending(reserved=7))):
        assert view.spending(emulated=True, session=session) == told
    applied(view, ended(other, state="done", charge="charged", cost_ticks=2))
    for changes, spent in (
        ({"state": "interrupted"}, 7),
        ({"state": "done", "charge": "charged", "cost_ticks": 4}, 4),
        ({"state": "failed", "charge": "none", "cost_ticks": 0}, 0),
    ):
        applied(view, ended(run, **changes))
        assert view.spending(emulated=True, session="s") == Spending(spent=spent)
        assert view.spending(emulated=True) == Spending(spent=spent + 2)
    assert view.spending(emulated=False) == view.spending(emulated=True, session="u") == Spending()


@pytest.mark.parametrize("call", ["c", ""])
def test_the_runs_of_a_call_are_found_without_going_through_all(call):
    view = View()
    view.runs = Countable()
    runs = [entry(call=call if number % 2 else "other") for number in range(4)]
    applied(view, *(Change(begun=run) for run in runs))
    assert view.equal_runs(call) == (runs[1::2] if call else [])
