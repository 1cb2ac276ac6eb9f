"""Submits cells in batches, so that none is submitted twice, whenever the process ends.

Every cell is entered in the ledger first, with the name of the batch that it will be in; the provider is
given that name too. A process that is killed leaves the cells `interrupted`, and whoever comes next asks the
provider for a batch of that name: with it the cells are `submitted`, without it they surely cost nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.core.types import BatchStatus, ChargeType
from imagegen_nb.errors import (
    AuthenticationFailed,
    CellTaken,
    ImagegenError,
    InvalidStep,
    ProviderError,
    ProviderFault,
    QuotaExhausted,
)
from imagegen_nb.runs import batch_runs
from imagegen_nb.runs.batch_calls import BatchCalls
from imagegen_nb.runs.batch_ref import BatchRef, ref_of
from imagegen_nb.runs.entering import opening, reserve
from imagegen_nb.runs.prepare import PreparedRun, prepare
from imagegen_nb.runs.stored_run import stored_step
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry, Store
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.execution import Task
from imagegen_nb.sweeps.progress import Progress
from imagegen_nb.sweeps.results import cell_name, origin

SETTLED = 30.0
"""Seconds after the end of a process within which a batch that it asked for may still come about."""
_LOOK_AGAIN = 2.0
_AT_ONCE = 32
"""Entries that are written side by side, to be committed together."""
_TOGETHER = 500
"""Entries that are handed over in one transaction."""
_HOPELESS = (AuthenticationFailed, QuotaExhausted)
Payer = tuple[str, ChargeType]


@dataclass(slots=True)
class _Chunk:
    """The cells of one batch: their entries, and the lines of its file."""

    calls: BatchCalls
    model: str
    ref: BatchRef = field(default_factory=lambda: BatchRef(name=uuid.uuid4().hex))
    entries: list[LedgerEntry] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    cells_planned: int = 0
    lines_planned: int = 0
    bytes_planned: int = 0

    def has_room_for(self, lines: Sequence[bytes], most_cells: int) -> bool:
        """Whether a cell of so many lines fits in as well."""
        batches = self.calls.batches
        return (
            self.cells_planned < most_cells
            and self.lines_planned + len(lines) <= batches.most_lines
            and self.bytes_planned + _size(lines) <= batches.largest_file
        )

    def plan(self, lines: Sequence[bytes]) -> None:
        """Keep room for a cell that is being entered."""
        self.cells_planned += 1
        self.lines_planned += len(lines)
        self.bytes_planned += _size(lines)


@dataclass(slots=True)
class Submission:
    """One call of `submit`. `calls` gives the batches by payer; every cell of `tasks` has one."""

    sweep: str
    context: Context
    tasks: list[Task]
    inputs_of: Callable[[int], tuple[ImageGenerationStep, dict[str, Any]]]
    calls: dict[Payer, BatchCalls]
    most_cells: int
    progress: Progress
    failures: list[str] = field(default_factory=list)
    """Why batches were not made."""

    async def run(self) -> None:
        """Enter all cells, then submit them, one batch after the other.

        Raises what keeps a cell from being entered (`BudgetExceeded`, `StorageLimitReached`, `StoreError`):
        then nothing was sent, and nothing stays reserved.
        """
        chunks = list[_Chunk]()
        try:
            await self._enter_all(chunks)
            while chunks:
                await self._submit(chunks[0])
                chunks.pop(0)
                if self.failures:
                    break
        finally:
            self.progress.close()
            await asyncio.shield(self._take_back(chunks))

    async def _enter_all(self, chunks: list[_Chunk]) -> None:
        newest: dict[tuple[Payer, str], _Chunk] = {}
        waiting: list[tuple[PreparedRun, LedgerEntry, list[bytes], _Chunk]] = []
        for task in self.tasks:
            prepared, payer = await self._prepared(task)
            calls = self.calls[payer]
            lines = await asyncio.to_thread(calls.batches.lines, prepared.run_id, prepared.request)
            group = (payer, prepared.step.model)
            chunk = newest.get(group)
            if chunk is None or not chunk.has_room_for(lines, self.most_cells):
                chunk = newest[group] = _Chunk(calls, prepared.step.model)
                chunks.append(chunk)
            chunk.plan(lines)
            prepared = replace(prepared, batch=chunk.ref)
            waiting.append((prepared, opening(prepared), lines, chunk))
            if len(waiting) >= _AT_ONCE:
                await self._enter(waiting)
                waiting = []
        await self._enter(waiting)

    async def _prepared(self, task: Task) -> tuple[PreparedRun, Payer]:
        step, inputs = await asyncio.to_thread(self.inputs_of, task.number)
        prepared = prepare(step, inputs, self.context, {})
        name = cell_name(self.sweep, task.key, origin(prepared.route), task.attempts + 1)
        return replace(prepared, cell=name), (task.provider, step.charge_type)

    async def _enter(self, waiting: list[tuple[PreparedRun, LedgerEntry, list[bytes], _Chunk]]) -> None:
        """Enter cells side by side. One that another process has begun is left to it."""
        begun = await asyncio.gather(
            *(STORE.run(partial(reserve, prepared, entry)) for prepared, entry, _, _ in waiting),
            return_exceptions=True,
        )
        for (_, entry, lines, chunk), failure in zip(waiting, begun, strict=True):
            if failure is None:
                chunk.entries.append(entry)
                chunk.lines += lines
        for failure in begun:
            if failure is not None and not isinstance(failure, CellTaken):
                raise failure

    async def _submit(self, chunk: _Chunk) -> None:
        """Let the batch be made: its cells are then submitted, or have failed for free."""
        if not chunk.entries:
            return
        calls, name = chunk.calls, chunk.ref.name
        try:
            file = await calls.ask(lambda batches, to: batches.upload(chunk.lines, name, to))
        except ImagegenError as error:
            await self._fail(chunk, _for_free(error))
            return
        if not await STORE.run(partial(_is_ours, self.context.store, chunk.entries[0])):
            # This process slept for so long that others took it for gone: they decide about these cells.
            chunk.entries.clear()
            self.failures.append("this process stood still, and others took over; submit again")
            return
        made: BatchStatus | None = None
        try:
            made = await calls.ask(lambda batches, to: batches.create(file, name, chunk.model, to))
        except ImagegenError as error:
            charge = getattr(error, "charge", "none")
            made = None if charge == "none" else await self._found(chunk)
            if made is None and charge == "none":
                await self._fail(chunk, error)
                return
            if made is None:
                await asyncio.shield(self._interrupt(chunk))
                self.failures.append(
                    f"{error.summary()}: submitting or collecting again finds out what became of it"
                )
                return
        except BaseException:
            await asyncio.shield(self._interrupt(chunk))
            raise
        await asyncio.shield(_hand_over(self.context.store, chunk.entries, made, name))
        for _ in chunk.entries:
            self.progress.advance(f"batch {made.id}")

    async def _found(self, chunk: _Chunk) -> BatchStatus | None:
        """The batch whose answer got lost, if it was made."""
        try:
            found = await chunk.calls.ask(lambda batches, to: batches.find([chunk.ref.name], to))
        except ProviderError:
            return None
        return found.get(chunk.ref.name)

    async def _fail(self, chunk: _Chunk, error: ImagegenError) -> None:
        store = self.context.store
        for entry in chunk.entries:
            await STORE.run(partial(store.finish, batch_runs.not_made(entry, chunk.ref, error), []))
        self.failures.append(error.summary() if isinstance(error, ProviderError) else str(error))
        chunk.entries.clear()

    async def _interrupt(self, chunk: _Chunk) -> None:
        """Leave the cells as a kill would: whoever looks for the batch decides."""
        for entry in chunk.entries:
            await STORE.run(partial(self.context.store.finish, replace(entry, state="interrupted"), []))
        chunk.entries.clear()

    async def _take_back(self, chunks: Iterable[_Chunk]) -> None:
        """End what was entered and not submitted: nothing was asked."""
        for entry in (entry for chunk in chunks for entry in chunk.entries):
            ended = replace(entry, state="cancelled", charge="none", cost_ticks=0)
            await STORE.run(partial(self.context.store.finish, ended, []))


async def adopt(context: Context, entries: Sequence[LedgerEntry], *, patient: bool) -> None:
    """Find out what became of cells whose process ended while their batch was made.

    With `patient`, waits until it is certain for all. Raises `ProviderError`, `MissingCredential`,
    `InvalidOption`.
    """
    cut_off = [entry for entry in entries if (ref := _cut_off(entry)) is not None and not ref.id]
    by_payer: dict[Payer, list[LedgerEntry]] = defaultdict(list)
    for entry in cut_off:
        try:
            step = stored_step(entry)
        except InvalidStep:
            continue  # of a model that is not known here
        by_payer[step.entry.provider.name, step.charge_type].append(entry)
    for found in by_payer.values():
        step = stored_step(found[0])
        calls = BatchCalls.of(context, step.entry.provider, step.charge_type)
        await _adopt(calls, context.store, found, patient=patient)


async def _adopt(calls: BatchCalls, store: Store, entries: list[LedgerEntry], *, patient: bool) -> None:
    by_name: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        if (ref := ref_of(entry)) is not None:
            by_name[ref.name].append(entry)
    begun = time.monotonic()
    while by_name:
        age = {name: min(map(_seconds_since, ended)) for name, ended in by_name.items()}
        found = await calls.ask(lambda batches, to: batches.find(list(by_name), to))
        for name, status in found.items():
            if name in by_name:
                await _hand_over(store, by_name.pop(name), status, name)
        for name in [name for name in by_name if age[name] >= SETTLED or time.monotonic() - begun >= SETTLED]:
            error = ProviderFault("its batch was never made", provider=calls.provider.name, charge="none")
            ref = BatchRef(name=name)
            ended = [batch_runs.not_made(entry, ref, error) for entry in by_name.pop(name)]
            await batch_runs.end_all(store, ended)
        if not by_name or not patient:
            return
        await asyncio.sleep(_LOOK_AGAIN)


def _cut_off(entry: LedgerEntry) -> BatchRef | None:
    return ref_of(entry) if entry.state == "interrupted" and entry.charge == "unknown" else None


async def _hand_over(store: Store, entries: Sequence[LedgerEntry], status: BatchStatus, name: str) -> None:
    for start in range(0, len(entries), _TOGETHER):
        some = entries[start : start + _TOGETHER]
        handed = [batch_runs.handed_over(entry, status, name) for entry in some]
        await STORE.run(partial(store.hand_over, handed))


def _is_ours(store: Store, entry: LedgerEntry) -> bool:
    """Whether nobody has taken this process for gone, which holds for all its runs alike."""
    found = store.find_run(entry.run_id)
    return found is not None and found.state == "calling"


def _for_free(error: ImagegenError) -> ImagegenError:
    """A failure before there is a batch costs nothing, whatever it says of the request."""
    if isinstance(error, ProviderError):
        error.charge = "none"
    return error


def _seconds_since(entry: LedgerEntry) -> float:
    """Since it was noticed that the process is gone; 0 where nobody knows."""
    try:
        ended = datetime.fromisoformat(entry.ended_at)
        return (datetime.now(UTC) - ended).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _size(lines: Iterable[bytes]) -> int:
    return sum(len(line) + 1 for line in lines)
