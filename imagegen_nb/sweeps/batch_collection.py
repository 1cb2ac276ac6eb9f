"""Fetches what batches have brought, and ends their cells: whoever submitted them, and as often as one likes.

A batch whose answers cannot be had costs itself only, and so does a line in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from imagegen_nb.core.types import BatchStatus, ChargeType
from imagegen_nb.core.words import counted
from imagegen_nb.errors import (
    ImagegenError,
    InvalidOption,
    InvalidResponse,
    InvalidStep,
    ProviderError,
    StoreError,
)
from imagegen_nb.providers.base import Batches, Connection
from imagegen_nb.runs import batch_runs
from imagegen_nb.runs.batch_calls import BatchCalls
from imagegen_nb.runs.batch_ref import BatchRef, ref_of
from imagegen_nb.runs.batch_runs import Intake
from imagegen_nb.runs.stored_run import stored_step
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.progress import Progress
from imagegen_nb.sweeps.wording import PYTHON, Wording

Payer = tuple[str, ChargeType]
_MOST_LOOKS = 10
"""Looks at a batch that has ended, until its file of answers is missed: Google names some a while later
(tidyverse/ellmer#926)."""


@dataclass(slots=True)
class OpenBatch:
    """A batch of which cells have not ended: its cells' entries, and what the provider said of it last."""

    ref: BatchRef
    step: ImageGenerationStep
    entries: list[LedgerEntry] = field(default_factory=list)
    status: BatchStatus | None = None
    problem: str = ""
    """Why it could not be looked at, or its answers not be had."""
    looked_in_vain: int = 0
    """How often it had ended without a file of answers."""


def open_batches(entries: Iterable[LedgerEntry]) -> tuple[list[OpenBatch], list[str]]:
    """The batches of these runs that were not collected, in order, and why others cannot be read."""
    found, problems = dict[str, OpenBatch](), list[str]()
    for entry in entries:
        ref = ref_of(entry)
        if entry.state != "submitted" or ref is None:
            continue
        if ref.id not in found:
            try:
                found[ref.id] = OpenBatch(ref, stored_step(entry))
            except (InvalidOption, InvalidStep) as error:
                problems.append(f"batch {ref.id}: {error}")
                continue
        found[ref.id].entries.append(entry)
    return list(found.values()), list(dict.fromkeys(problems))


@dataclass(slots=True)
class Collection:
    """One call of `collect`, for the open batches of a sweep."""

    context: Context
    batches: list[OpenBatch]
    progress: Progress
    give_up: bool = False
    wording: Wording = PYTHON
    problems: list[str] = field(default_factory=list)
    """Why answers could not be had, and what to do."""
    _calls: dict[Payer, BatchCalls] = field(default_factory=dict)

    async def run(self, *, wait: float, poll: float) -> None:
        """Look at each batch, take in what has ended, and wait for the others for so many seconds in all.

        Raises `MissingCredential`, `InvalidOption`, and `StoreError` where images cannot be kept.
        """
        until = time.monotonic() + wait
        left = list(self.batches)
        try:
            while left:
                is_last = time.monotonic() + poll >= until
                left = [batch for batch in left if not await self._is_over(batch, is_last=is_last)]
                pause = min(poll, until - time.monotonic())
                if not left or pause <= 0:
                    return
                await asyncio.sleep(pause)
        finally:
            self.progress.close()

    async def _is_over(self, batch: OpenBatch, *, is_last: bool) -> bool:
        """Whether there is nothing more to wait for: it was taken in, or cannot be had."""
        calls = self._calls_for(batch.step)
        try:
            status = batch.status = await calls.ask(lambda batches, to: batches.look(batch.ref.id, to))
            if not status.ended or _is_loading(status, batch):
                return False
            # One that broke off is free where nothing was carried out.
            if not status.outputs and (status.may_be_charged or status.done):
                batch.looked_in_vain += 1
                if not is_last and batch.looked_in_vain < _MOST_LOOKS:
                    return False
                why = f": {status.reason}" if status.reason else ""
                raise InvalidResponse(
                    f"it is {status.status}, and no file of answers is named{why}",
                    provider=calls.provider.name,
                )
            await self._take_in(batch, status, calls)
        except StoreError:
            raise
        except ProviderError as error:
            await self._cannot(batch, error)
        return True

    def _calls_for(self, step: ImageGenerationStep) -> BatchCalls:
        payer = step.entry.provider.name, step.charge_type
        if payer not in self._calls:
            self._calls[payer] = BatchCalls.of(self.context, step.entry.provider, step.charge_type)
        return self._calls[payer]

    async def _take_in(self, batch: OpenBatch, status: BatchStatus, calls: BatchCalls) -> None:
        intake = Intake(calls, {entry.run_id: entry for entry in batch.entries})
        largest = await asyncio.to_thread(intake.largest_line)
        failure: ProviderError | None = None
        for output in status.outputs:
            try:
                async with aclosing(calls.answers(output, intake.request_of, largest)) as answers:
                    async for answer in answers:
                        before = intake.ended
                        await intake.take(answer)
                        if intake.ended > before:
                            self.progress.advance(f"batch {status.id}")
            except ProviderError as error:  # the other file may well be read
                failure = failure or error
        batch.entries = list(intake.entries.values())
        if failure is not None:
            raise failure
        before = intake.ended
        await intake.end_rest(status)
        for _ in range(intake.ended - before):
            self.progress.advance(f"batch {status.id}")
        batch.entries = [entry for entry in batch.entries if entry.run_id in intake.entries]
        for reason in dict.fromkeys(intake.unreadable.values()):
            self.problems.append(f"batch {status.id}: {reason}")

    async def _cannot(self, batch: OpenBatch, error: ProviderError) -> None:
        """Leave the cells as they are, for the next call; or give them up, where that was asked."""
        cells = counted(len(batch.entries), "cell")
        if self.give_up:
            ended = [batch_runs.given_up(entry, batch.ref, _lost(error)) for entry in batch.entries]
            await batch_runs.end_all(self.context.store, ended)
            self.problems.append(f"batch {batch.ref.id}: {cells} given up ({error.summary()})")
            batch.entries = []
            return
        batch.problem = error.summary()
        self.problems.append(
            f"batch {batch.ref.id}: {cells} could not be fetched ({batch.problem}); collecting again tries "
            f"again. {self.wording.give_up}"
        )


def _is_loading(status: BatchStatus, batch: OpenBatch) -> bool:
    """Whether its provider has not read the whole file of requests yet, and so counts too few."""
    return status.may_grow and (status.total or 0) < len(batch.entries)


def _lost(error: ProviderError) -> ImagegenError:
    """That a batch's answers cannot be had, and its requests may have been charged."""
    return type(error)(**{**error.__dict__, "charge": "unknown"})


async def cancel(context: Context, batches: Sequence[OpenBatch]) -> list[str]:
    """Let nothing more of these batches be carried out. Returns why some could not be cancelled."""
    problems = []
    for batch in batches:
        calls = BatchCalls.of(context, batch.step.entry.provider, batch.step.charge_type)
        try:
            batch.status = await calls.ask(partial(_cancel, batch.ref.id))
        except ProviderError as error:
            problems.append(f"batch {batch.ref.id}: {error.summary()}")
    return problems


async def _cancel(batch: str, batches: Batches, connection: Connection) -> BatchStatus:
    await batches.cancel(batch, connection)
    return await batches.look(batch, connection)
