"""Cells that run on the workers of an executor: in other processes, or on other machines.

A worker gets what the cell asks and where the store is, never a key: it reads its own from its environment,
as any run does. Images go from the worker straight to the store, and the ledger says what became of the cell,
also where the worker dies.
"""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass, replace
from typing import Any, Protocol

from imagegen_nb.core import active_cassette
from imagegen_nb.core.background_loop import Job
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.providers.http.rate_limiter import RateLimiter
from imagegen_nb.runs.prepare import prepare
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.cell_run import Performed, run_cell
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.results import Result, cell_name, origin, result_of


class Executor(Protocol):
    """`concurrent.futures.Executor`, as far as a sweep needs one."""

    def submit(self, function: Any, /, *arguments: Any) -> concurrent.futures.Future[Any]:
        """Call the function on a worker."""
        ...


@dataclass(frozen=True, slots=True)
class CellCall:
    """What a worker is handed: a cell's step and inputs, the workspace by its settings, the name that its
    attempt has in the ledger but for where its images come from, and whose session's budget it counts in."""

    step: ImageGenerationStep
    inputs: dict[str, Any]
    context: Context
    sweep: str
    key: str
    attempt: int
    session: str


def perform(call: CellCall) -> Performed:
    """Run a cell, on a worker. A worker that is given a cell a second time, since the first one died, finds
    that it was begun: then the ledger says what is known of it."""
    try:
        prepared = prepare(call.step, call.inputs, call.context, {})
    except ImagegenError as error:
        refused = Result(outcome="failed", attempt=call.attempt - 1, error=str(error), refused=True)
        return Performed(refused, error)
    name = cell_name(call.sweep, call.key, origin(prepared.route), call.attempt)
    prepared = replace(prepared, cell=name, session=call.session)
    performed = Job(run_cell(prepared, call.attempt)).wait()
    if performed.is_taken:
        begun = next((entry for entry in call.context.store.cell_runs(name) if entry.cell == name), None)
        if begun is not None:
            return replace(performed, result=replace(result_of(begun), attempt=call.attempt))
    return performed


def executor_of(given: object) -> Executor:
    """The executor that was given, or that of a Dask client. Raises `InvalidOption`."""
    if active_cassette.current() is not None:
        raise InvalidOption("executor: a cassette is in use, which one process records and plays")
    if isinstance(given, type):
        raise InvalidOption(
            f"executor = {given!r}: that is a class; give a concurrent.futures.Executor of it, "
            "such as ProcessPoolExecutor(4)"
        )
    if callable(getattr(given, "scheduler_info", None)) and callable(getattr(given, "get_executor", None)):
        # Equal calls are not the same call: each cell is paid for by itself.
        return given.get_executor(pure=False)  # type: ignore[attr-defined,no-any-return]
    if callable(getattr(given, "submit", None)):
        return given  # type: ignore[return-value]
    raise InvalidOption(
        f"executor = {given!r}: give a concurrent.futures.Executor, such as ProcessPoolExecutor(4), or a "
        "Dask client"
    )


class Pace:
    """How fast cells are handed out, so that all workers together keep to the published limits of the
    workspace: a worker only knows of its own calls."""

    def __init__(self, context: Context) -> None:
        limits = getattr(context, "requests_per_minute", {})
        self._limiters = {name: RateLimiter(limit) for name, limit in limits.items()}

    async def wait(self, step: ImageGenerationStep) -> None:
        """Wait until the requests of a run of the step may leave."""
        provider = step.entry.provider
        limiter = self._limiters.get(provider.name)
        for _ in range(provider.requests_for(step.image_count) if limiter else 0):
            assert limiter is not None
            await limiter.acquire(None, lambda seconds: None)
