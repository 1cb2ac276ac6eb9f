"""Runs the cells of a sweep: so many at once for each provider, each entered in the ledger before its call.

Whatever ends it, an interrupt, a full disk or kill -9, what is paid for stands in the ledger under the cell's
name, and another start goes on from there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ImagegenError,
    MissingCredential,
    QuotaExhausted,
    ReplayError,
    StoreError,
)
from imagegen_nb.runs import ledger
from imagegen_nb.runs.prepare import prepare
from imagegen_nb.step.run_context import Route
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry
from imagegen_nb.sweeps.cell_run import Performed, run_cell
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.progress import Progress
from imagegen_nb.sweeps.remote_cells import CellCall, Executor, Pace, perform
from imagegen_nb.sweeps.results import Result, cell_name, origin, origin_of, result_of

_HOPELESS = (AuthenticationFailed, QuotaExhausted, MissingCredential)
"""What every further call to the same provider would meet as well."""


@dataclass(frozen=True, slots=True)
class Task:
    """A cell that is to be run: its number, its key, the name of its call, and how often it was tried."""

    number: int
    key: str
    call: str
    attempts: int
    provider: str


@dataclass(slots=True)
class Execution:
    """One start of a sweep. `inputs_of` gives a cell's step and inputs when its turn comes: thousands of them
    need not lie in memory."""

    sweep: str
    context: Context
    tasks: list[Task]
    inputs_of: Callable[[int], tuple[ImageGenerationStep, dict[str, Any]]]
    note: Callable[[int, Result], None]
    concurrency: int
    progress: Progress
    on_cell: Callable[[int], object] | None = None
    reuse: bool = False
    executor: Executor | None = None
    """Where the cells run; None for this process."""
    taken: set[str] = field(default_factory=set)
    """The runs that stand in a cell already, so that repeats do not all reuse the same."""
    outcomes: Counter[str] = field(default_factory=Counter)
    stopped: dict[str, str] = field(default_factory=dict)
    """Why the other cells of a provider, or of all (under an empty name), were not run."""
    fatal: BaseException | None = None
    _pace: Pace = field(init=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _under_way: int = field(default=0, repr=False)
    """Cells whose run may have a part of the budget reserved."""
    _one_ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the next cell has ended; then there is a new one."""

    def __post_init__(self) -> None:
        self._pace = Pace(self.context)

    async def run(self) -> None:
        """Run all tasks. Raises `ReplayError`, and whatever a plug-in or a callback raises; a provider's
        failures are results."""
        queues: dict[str, list[Task]] = defaultdict(list)
        for task in self.tasks:
            queues[task.provider].append(task)
        try:
            async with asyncio.TaskGroup() as group:
                for tasks in queues.values():
                    queue = iter(tasks)
                    for _ in range(min(self.concurrency, len(tasks))):
                        group.create_task(self._work(queue))
        finally:
            self.progress.close()
        if self.fatal is not None:
            raise self.fatal

    async def _work(self, queue: Iterator[Task]) -> None:
        for task in queue:
            if self._is_stopped(task):
                return
            try:
                await self._run_cell(task)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised once the others have ended properly
                self.fatal = error
                return

    async def _run_cell(self, task: Task) -> None:
        step, inputs = await asyncio.to_thread(self.inputs_of, task.number)
        if self.reuse and (entry := await STORE.run(partial(self._reusable, step, task))):
            self._end(task, replace(result_of(entry), attempt=task.attempts, reused=True))
            return
        performed = await self._performed(task, step, inputs)
        if performed is not None:
            self._take_in(task, performed)

    async def _performed(
        self, task: Task, step: ImageGenerationStep, inputs: dict[str, Any]
    ) -> Performed | None:
        """What came of a cell's run; None where that was noted already, or it was not run. A cell that fits
        into the budget but for what is reserved for others waits until one of them has ended."""
        try:
            while not self._is_stopped(task):
                one_ended = self._one_ended
                self._under_way += 1
                try:
                    if self.executor is not None:
                        performed = await self._run_elsewhere(self.executor, task, step, inputs)
                    else:
                        performed = await self._run_here(task, step, inputs)
                finally:
                    self._under_way -= 1
                refused = None if performed is None else performed.error
                if not isinstance(refused, BudgetExceeded) or not refused.for_now:
                    return performed
                if not one_ended.is_set():
                    if not self._under_way:  # it is reserved for runs of others
                        return performed
                    self.note(task.number, Result(attempt=task.attempts))
                    await one_ended.wait()
            self.note(task.number, Result(attempt=task.attempts))
            return None
        finally:
            self._tell_of_an_end()

    def _is_stopped(self, task: Task) -> bool:
        return self.fatal is not None or "" in self.stopped or task.provider in self.stopped

    def _tell_of_an_end(self) -> None:
        self._one_ended.set()
        self._one_ended = asyncio.Event()

    async def _run_here(
        self, task: Task, step: ImageGenerationStep, inputs: dict[str, Any]
    ) -> Performed | None:
        """Run a cell in this process."""
        try:
            prepared = prepare(step, inputs, self.context, {})
        except ImagegenError as error:
            self._fail(task, error)
            return None
        attempt = task.attempts + 1
        name = cell_name(self.sweep, task.key, origin(prepared.route), attempt)
        prepared = replace(prepared, cell=name)
        self.note(task.number, Result(outcome="running", run_id=prepared.run_id, attempt=attempt))
        try:
            return await run_cell(prepared, attempt)
        except asyncio.CancelledError:
            await asyncio.shield(self._note_stored(task, prepared.run_id, attempt))
            raise
        except ReplayError:
            await self._note_stored(task, prepared.run_id, attempt)
            raise

    def _take_in(self, task: Task, performed: Performed) -> None:
        self._end(task, performed.result)
        if not performed.is_taken:
            self._stop_for(task, performed.error)

    async def _run_elsewhere(
        self, executor: Executor, task: Task, step: ImageGenerationStep, inputs: dict[str, Any]
    ) -> Performed | None:
        """Run a cell on a worker. One that dies leaves what the ledger knows, which is read at the end."""
        attempt = task.attempts + 1
        call = CellCall(step, inputs, self.context, self.sweep, task.key, attempt, ledger.session())
        await self._pace.wait(step)
        self.note(task.number, Result(outcome="running", attempt=attempt))
        try:
            future = executor.submit(perform, call)
        # It was shut down, or its workers died before; each library has an error of its own for that.
        except Exception as error:  # noqa: BLE001
            self.note(task.number, Result(attempt=task.attempts))
            reason = str(error).rstrip(".") or type(error).__name__
            self.stopped.setdefault("", f"the executor takes no more calls: {reason}. Give a new one")
            return None
        try:
            performed: Performed = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()  # one that has begun goes on, and the ledger tells of it
            raise
        except concurrent.futures.BrokenExecutor as error:
            self.stopped.setdefault("", f"a worker died: {error} Start the sweep again with new workers")
            return None
        return performed

    async def _note_stored(self, task: Task, run_id: str, attempt: int) -> None:
        """Take the result of a run that was cut off from the ledger."""
        entry = await STORE.run(partial(self.context.store.find_run, run_id))
        result = Result(attempt=attempt - 1) if entry is None else replace(result_of(entry), attempt=attempt)
        self.note(task.number, result)

    def _reusable(self, step: ImageGenerationStep, task: Task) -> LedgerEntry | None:
        """A run of the same call, whole and from the same place, that stands in no other cell."""
        route: Route = self.context.route(step.entry.provider, step.charge_type)
        store = self.context.store
        for entry in store.equal_runs(task.call):
            if entry.state != "done" or entry.run_id in self.taken or origin_of(entry) != origin(route):
                continue
            records = list(store.list_records(entry.run_id))
            if len(records) >= step.image_count and all(map(store.holds, records)):
                with self._guard:
                    if entry.run_id not in self.taken:
                        self.taken.add(entry.run_id)
                        return entry
        return None

    def _fail(self, task: Task, error: ImagegenError) -> None:
        """Note a cell that could not even begin."""
        self._end(task, Result(outcome="failed", attempt=task.attempts, error=str(error), refused=True))
        self._stop_for(task, error)

    def _stop_for(self, task: Task, error: ImagegenError | None) -> None:
        """Ask no more where every further call would fail for the same reason, or be paid for in vain."""
        if isinstance(error, StoreError):
            self.stopped.setdefault("", str(error))
        elif isinstance(error, _HOPELESS):
            self.stopped.setdefault(task.provider, error.summary())

    def _end(self, task: Task, result: Result) -> None:
        self.taken.add(result.run_id)
        self.note(task.number, result)
        self.outcomes["reused" if result.reused else result.outcome] += 1
        self.progress.advance(", ".join(f"{count} {name}" for name, count in self.outcomes.items()))
        if self.on_cell is not None:
            self.on_cell(task.number)
