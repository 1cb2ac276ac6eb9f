"""Whether a workspace's budgets would let runs start one after another, asked before any of them does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from imagegen_nb.core import active_cassette
from imagegen_nb.core.money import from_ticks, show
from imagegen_nb.errors import BudgetExceeded
from imagegen_nb.runs import ledger
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import Budget, Spending, Store, check_budget

if TYPE_CHECKING:
    from imagegen_nb.runs.workspace import Workspace


@dataclass(slots=True)
class _LedgerLater:
    """The store's ledger as it may be after some runs, which have cost `added` ticks."""

    store: Store
    added: int = 0

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        # Only stores that keep a ledger can be under a budget; each of them can sum it up.
        before: Spending = self.store.spending(emulated=emulated, session=session)  # type: ignore[attr-defined]
        return replace(before, spent=before.spent + self.added)


def outlook(
    workspace: Workspace, runs: Iterable[tuple[str, ImageGenerationStep, Decimal | None]]
) -> Iterator[str]:
    """What the budgets would say to runs in order, each by its name, with its step and the most that it can
    cost: a line for each that may be refused, or one that all are within them. Nothing where there is no
    budget, and while a cassette answers, which costs nothing."""
    cassette = active_cassette.current()
    if workspace.budget is None or (cassette is not None and cassette.replaying):
        return
    later, refused = _LedgerLater(workspace.store), False
    for name, step, ceiling in runs:
        entry = ledger.opening_entry("", step, workspace.backend, replaying=False, ceiling=ceiling)
        try:
            check_budget(later, entry, workspace.budget)
        except BudgetExceeded as error:
            refused = True
            yield f"{name} may be refused: {str(error).replace(' Nothing was sent.', '')}"
        later.added += entry.ceiling_ticks or 0
    if not refused:
        most = show(from_ticks(later.added))
        yield f"{bounds(workspace.budget)}: enough for what is known, {most} at most"


def bounds(budget: Budget) -> str:
    """A budget's bounds under the names they are given by: `run_budget = $0.10, budget = $2.00`."""
    named = {"run_budget": budget.run, "session_budget": budget.session, "budget": budget.total}
    return ", ".join(f"{name} = {show(from_ticks(most))}" for name, most in named.items() if most is not None)
