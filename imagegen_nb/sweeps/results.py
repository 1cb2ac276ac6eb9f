"""What became of a sweep's cells, out of the ledger: which are paid for, which may be, which may be run.

Each attempt at a cell has a name of its own in the ledger, entered before anything is asked. So what is known
here is known after a kill as well, and a name can be taken once only, whoever else runs the same sweep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from imagegen_nb.core.money import from_ticks
from imagegen_nb.core.types import SYNTHETIC_BACKENDS
from imagegen_nb.errors import Charge, ChargeTold
from imagegen_nb.runs.batch_ref import BatchRef, ref_of
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.stored_run import read_object, stored_error
from imagegen_nb.step.run_context import Route
from imagegen_nb.store.base import LedgerEntry, Store

CellOutcome = Literal["waiting", "running", "submitted", "done", "partial", "failed", "unknown"]
"""`waiting` was not run; `running` is under way, perhaps in another process; `submitted` is in a batch of its
provider, to be collected; `done` has its images, `partial` some of them; `failed` has none; `unknown` has
none and may have been charged all the same."""

_UNKNOWN = "it was interrupted after the call was sent; whether it was charged is unknown"
_CUT_OFF = "interrupted while its batch was being made: submit or collect again to find out whether it exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is known of a cell. `attempt` counts its runs, the last of which is `run_id`; `reused` says that
    the run was made for something else."""

    outcome: CellOutcome = "waiting"
    charge: Charge = "none"
    emulated: bool = False
    run_id: str = ""
    attempt: int = 0
    error: str = ""
    reused: bool = False
    refused: bool = False
    """It ended before it was entered in the ledger, as by a budget: nobody else can know of it."""
    batch: BatchRef | None = None
    """The provider's batch that its run is or was part of."""
    cost: Decimal | None = None
    """What its run cost in dollars, or would have; None where that is unknown."""

    @property
    def charge_told(self) -> ChargeTold:
        """`charge` for people and for tables: an emulated run charges nobody."""
        return "emulated" if self.emulated else self.charge

    @property
    def is_free(self) -> bool:
        """Whether the cell may be run without paying for anything twice."""
        return self.outcome == "waiting" or (self.outcome == "failed" and self.charge == "none")


WAITING = Result()


def origin(route: Route) -> str:
    """Where a cell's images come from: an emulated cell is not paid for, and a replayed one is not either."""
    return _origin(emulated=route.backend in SYNTHETIC_BACKENDS, replayed=route.replayed)


def origin_of(entry: LedgerEntry) -> str:
    """The same of a run in the ledger."""
    return _origin(emulated=entry.emulated, replayed=bool(read_object(entry.result_json).get("replayed")))


def _origin(*, emulated: bool, replayed: bool) -> str:
    return ("emulated" if emulated else "live") + ("-replayed" if replayed else "")


def cell_name(sweep: str, key: str, origin: str, attempt: int) -> str:
    """What an attempt at a cell is called in the ledger."""
    return f"{sweep}/{key}.{origin}.{attempt}"


def known_results(store: Store, sweep: str) -> Iterator[tuple[str, str, Result]]:
    """What the ledger holds of a sweep: the key of each cell, its origin, and its result; of several attempts
    each follows the one before."""
    for entry in store.cell_runs(f"{sweep}/"):
        parts = entry.cell.removeprefix(f"{sweep}/").rsplit(".", 2)
        if len(parts) == 3 and parts[2].isdecimal():
            yield parts[0], parts[1], replace(result_of(entry), attempt=int(parts[2]))


def better(old: Result | None, new: Result) -> Result:
    """Of two attempts at a cell the one that counts: images count more than anything later."""
    if old is not None and old.outcome in ("done", "partial"):
        return replace(old, attempt=max(old.attempt, new.attempt))
    return new


def result_of(entry: LedgerEntry) -> Result:
    """The result of one run as the ledger holds it."""
    error = stored_error(entry)
    returned = read_object(entry.result_json).get("returned")
    told = "" if error is None else error.summary()
    outcome: CellOutcome = "waiting"
    batch = ref_of(entry)
    if entry.state == "calling":
        outcome = "running"
    elif entry.state == "submitted":
        outcome = "submitted"
    elif entry.state == "done" or returned:  # a run that was cancelled keeps what had arrived
        outcome = "partial" if returned is not None and returned < entry.count else "done"
    elif entry.charge == "unknown":
        outcome, told = "unknown", told or (_CUT_OFF if batch is not None and not batch.id else _UNKNOWN)
    elif entry.state == "failed" or entry.charge == "charged":
        outcome = "failed"
    return Result(
        outcome=outcome,
        charge=entry.charge,
        emulated=entry.emulated,
        run_id=entry.run_id,
        error=told,
        batch=batch,
        cost=None if entry.cost_ticks is None else from_ticks(entry.cost_ticks),
    )


def result_of_run(run: Run, charge: Charge) -> Result:
    """The result of a run that has just ended."""
    error = "" if run.error is None else run.error.summary()
    outcome: CellOutcome = "waiting"
    if run.status in ("done", "partial"):
        outcome = "done" if run.status == "done" else "partial"
    elif run.status == "failed":
        outcome = "unknown" if charge == "unknown" else "failed"
    return Result(
        outcome=outcome,
        charge=charge,
        emulated=run.emulated,
        run_id=run.id,
        error=error,
        cost=run.cost.amount,
    )
