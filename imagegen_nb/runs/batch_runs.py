"""Ends the runs of a batch as its answers come: exactly as a run by itself ends, in one transaction each.

Nothing of a run changes in the ledger before its answers are there. So a process that is killed in the middle
leaves the run as it was, and whoever collects next reads the file again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.core.events import EventEmitter
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.core.tracing import Recorder
from imagegen_nb.core.types import BatchAnswer, BatchStatus, ImageRequest, MissingImages
from imagegen_nb.errors import (
    CellTaken,
    ImagegenError,
    InvalidOption,
    InvalidResponse,
    InvalidStep,
    ProviderFault,
    StoreError,
)
from imagegen_nb.providers.base import LARGEST_RESPONSE
from imagegen_nb.runs.batch_calls import BatchCalls
from imagegen_nb.runs.batch_ref import BatchRef, ref_of
from imagegen_nb.runs.ledger import largest_response
from imagegen_nb.runs.prepare import PreparedRun
from imagegen_nb.runs.recipe import error_facts
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.runner import ActiveRun
from imagegen_nb.runs.stored_run import read_object, stored_step
from imagegen_nb.store.base import AssetRecord, LedgerEntry, Store, cell_taken


def with_ref(entry: LedgerEntry, ref: BatchRef, error: ImagegenError | None = None) -> LedgerEntry:
    """The entry of a run in a batch, of which more is known now, or which an error kept from being made."""
    told = {"batch": ref.as_dict()} | ({} if error is None else {"error": error_facts(error)})
    return replace(entry, result_json=json.dumps(without_keys(told, ()), ensure_ascii=False))


def handed_over(entry: LedgerEntry, status: BatchStatus, name: str) -> LedgerEntry:
    """The entry of a run whose batch was made."""
    return with_ref(entry, BatchRef(name=name, id=status.id, expires_at=status.expires_at))


def not_made(entry: LedgerEntry, ref: BatchRef, error: ImagegenError) -> LedgerEntry:
    """The end of a run whose batch surely was not made: it cost nothing."""
    return replace(with_ref(entry, ref, error), state="failed", charge="none", cost_ticks=0)


def given_up(entry: LedgerEntry, ref: BatchRef, error: ImagegenError) -> LedgerEntry:
    """The end of a run whose answers cannot be had: nobody knows whether it was charged."""
    return replace(with_ref(entry, ref, error), state="interrupted", charge="unknown", cost_ticks=None)


@dataclass(slots=True)
class _OpenRun:
    """A run of which not all requests are answered yet."""

    active: ActiveRun
    parts: int
    answered: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Intake:
    """Takes in the answers of one batch, for its `entries` in the ledger that have not ended."""

    calls: BatchCalls
    entries: dict[str, LedgerEntry]
    ended: int = 0
    """How many runs have ended."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why runs could not be taken in, by their ids."""
    _taken: int = 0
    """How many answers were taken in,"""
    _succeeded: int = 0
    """and how many of them were no error."""
    _open: dict[str, _OpenRun] = field(default_factory=dict)

    def request_of(self, key: str) -> ImageRequest | None:
        """What the run with this id asks; None where it is none of these."""
        opened = self._opened(key)
        return None if opened is None else opened.active.prepared.request

    def largest_line(self) -> int:
        """Bytes that an answer may have: as many as that to the largest of these runs by itself."""
        most = LARGEST_RESPONSE
        for entry in self.entries.values():
            with suppress(InvalidOption, InvalidStep):
                most = max(most, largest_response(stored_step(entry), 0))
        return most

    async def take(self, answer: BatchAnswer) -> None:
        """Take in one answer. Raises `StoreError` where the run cannot be ended."""
        opened = self._opened(answer.key)
        if opened is None or answer.part in opened.answered or not 0 <= answer.part < opened.parts:
            return
        opened.answered.add(answer.part)
        self._taken += 1
        self._succeeded += answer.error is None
        if answer.error is not None:
            await opened.active.receive(MissingImages(answer.error, self._images(opened)))
        for event in answer.events:
            await opened.active.receive(event)
        if len(opened.answered) == opened.parts:
            await self._end(answer.key)

    async def end_rest(self, status: BatchStatus) -> None:
        """End the runs of a batch that has ended, all of whose answers were read."""
        status = self._checked(status)
        for key in list(self.entries):
            opened = self._opened(key)
            if opened is None:
                continue
            missing = opened.parts - len(opened.answered)
            reason = _no_answer(status, self.calls.provider.name)
            await opened.active.receive(MissingImages(reason, missing * self._images(opened)))
            await self._end(key)

    def _checked(self, status: BatchStatus) -> BatchStatus:
        """The status, by which a request without an answer is free only where as many answers came as its
        provider has carried out. Of a batch of which runs have ended before nobody can tell here."""
        opened = filter(None, map(self._opened, self.entries))
        requests = self._taken + sum(run.parts - len(run.answered) for run in opened)
        is_whole = status.total is not None and requests >= status.total
        if is_whole and (status.done or 0) > self._succeeded:
            return replace(status, may_be_charged=True)
        return status

    def _images(self, opened: _OpenRun) -> int:
        """How many images one request of a run makes."""
        return opened.active.prepared.request.count // opened.parts

    def _opened(self, key: str) -> _OpenRun | None:
        if key not in self.entries or key in self.unreadable:
            return None
        if key not in self._open:
            try:
                self._open[key] = self._open_run(self.entries[key])
            except (InvalidOption, InvalidStep) as error:
                self.unreadable[key] = str(error)
                return None
        return self._open[key]

    def _open_run(self, entry: LedgerEntry) -> _OpenRun:
        """The run as it was prepared when it was submitted, out of the ledger."""
        step = stored_step(entry)
        request = step.request(entry.prompt)
        # Made again, so that it is known which settings were sent.
        parts = len(self.calls.batches.lines(entry.run_id, request))
        prepared = PreparedRun(
            run_id=entry.run_id,
            step=step,
            entry=step.entry,
            inputs=read_object(entry.inputs_json),
            request=request,
            route=self.calls.route,
            context=self.calls.context,
            on_event=None,
            identifier=None,
            cell=entry.cell,
            batch=ref_of(entry),
        )
        emitter: EventEmitter[Run] = EventEmitter(None, entry.run_id, request.count, prepared.keys)
        active = ActiveRun(prepared, emitter, Recorder(None))
        active.started -= _age(entry.started_at)
        active.started_at, active.entry, active.asked = entry.started_at, entry, True
        active.closing = partial(_close, self.calls.context.store)
        return _OpenRun(active, parts)

    async def _end(self, key: str) -> None:
        active = self._open.pop(key).active
        del self.entries[key]
        run = await active.finalize(*active.outcome(None))
        if isinstance(run.error, StoreError) and not isinstance(run.error, CellTaken):
            raise run.error
        self.ended += 1


def _close(store: Store, entry: LedgerEntry, assets: Sequence[AssetRecord]) -> Sequence[AssetRecord]:
    if not store.finish_submitted(entry, assets):
        raise cell_taken()
    return assets


def _no_answer(status: BatchStatus, provider: str) -> ImagegenError:
    """Why a run of a batch that has ended has no answer."""
    if status.may_be_charged:
        return InvalidResponse(
            f"batch {status.id} has ended ({status.status}) without an answer to this request, which may "
            "have been charged",
            provider=provider,
            charge="unknown",
        )
    why = f": {status.reason}" if status.reason else ""
    return ProviderFault(
        f"the batch was {status.status or 'ended'} before this request was carried out{why}",
        provider=provider,
        charge="none",
    )


def _age(started_at: str) -> float:
    """Seconds since a time of the ledger."""
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(started_at)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


async def end_all(store: Store, entries: Iterable[LedgerEntry]) -> None:
    """Record the ends of runs that were handed over or interrupted, and brought nothing."""
    for entry in entries:
        await STORE.run(partial(store.finish_submitted, entry, []))
