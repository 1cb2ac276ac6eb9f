"""One attempt at a cell carried out, in this process or on a worker, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.errors import CellTaken, Charge, ImagegenError, StepFailed
from imagegen_nb.runs.prepare import PreparedRun
from imagegen_nb.runs.runner import execute
from imagegen_nb.sweeps.results import Result, result_of_run


@dataclass(frozen=True, slots=True)
class Performed:
    """The result of a cell's run, and the error that ended it, for what follows from it. `is_taken` says that
    another run for the cell had begun, and nothing was asked."""

    result: Result
    error: ImagegenError | None = None
    is_taken: bool = False


async def run_cell(prepared: PreparedRun, attempt: int) -> Performed:
    """Carry out the run of a cell. Raises `ReplayError` only: a provider's failure is a result."""
    try:
        run = await execute(prepared)
    except StepFailed as failed:
        run = failed.run
    if isinstance(run.error, CellTaken):
        return Performed(Result(outcome="running", attempt=attempt, error=str(run.error)), is_taken=True)
    entry = await STORE.run(partial(prepared.context.store.find_run, run.id))
    charge: Charge = getattr(run.error, "charge", "none") if entry is None else entry.charge
    result = replace(result_of_run(run, charge), attempt=attempt)
    if entry is None and result.outcome == "failed" and result.is_free:
        result = replace(result, attempt=attempt - 1, refused=True)
    return Performed(result, run.error)
