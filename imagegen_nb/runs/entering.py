"""How a run is entered in the ledger before anything is asked: with what it asks, and what it may need."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from imagegen_nb.errors import BudgetExceeded
from imagegen_nb.pricing.estimate import Estimate, estimate
from imagegen_nb.runs import ledger, recipe
from imagegen_nb.runs.prepare import PreparedRun
from imagegen_nb.store.base import LedgerEntry


def opening(prepared: PreparedRun) -> LedgerEntry:
    """The entry of a run that is about to begin."""
    route, cost = prepared.route, _estimate(prepared)
    entry = ledger.opening_entry(
        prepared.run_id,
        prepared.step,
        route.backend,
        replaying=route.replayed,
        ceiling=None if cost is None else cost.ceiling,
    )
    asked = recipe.recipe(prepared.step, prepared.request, prepared.inputs, prepared.keys())
    if prepared.batch is not None:
        entry = replace(entry, result_json=json.dumps({"batch": prepared.batch.as_dict()}))
    entry = replace(entry, cell=prepared.cell, **asdict(asked))
    return replace(entry, session=prepared.session or entry.session)


def reserve(prepared: PreparedRun, entry: LedgerEntry) -> None:
    """Begin the run in the store, with the bytes and the money it may need; may block.

    Raises `StorageLimitReached`, `BudgetExceeded`, `CellTaken` or `StoreError`.
    """
    context, cost = prepared.context, _estimate(prepared)
    if context.budget is None or cost is None:
        context.store.begin(entry, context.storage_limit)  # a store of another kind may know no budget
        return
    if cost.ceiling is None:
        raise BudgetExceeded(
            f"model = {prepared.step.model!r} under a budget: there is no upper bound for the cost of the "
            f"run ({cost.reason}). Nothing was sent. {prepared.route.unbounded_remedy}"
        )
    context.store.begin(entry, context.storage_limit, context.budget)


def _estimate(prepared: PreparedRun) -> Estimate | None:
    """What the run may cost; None where it costs nothing."""
    route = prepared.route
    if route.replayed or route.backend == "simulation":
        return None
    return estimate(
        prepared.step.priced_call(
            prepared.request.prompt,
            partial_images=prepared.request.partial_images,
            unpriced_account=route.unpriced_account,
            most=route.credential.most,
            batch=prepared.batch is not None,
        )
    )
