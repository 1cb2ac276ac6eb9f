"""A sweep's cells in batches of their providers: submitted, looked at, collected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal, Self

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.html_repr import html_output
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.types import SYNTHETIC_BACKENDS
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.batch_calls import BatchCalls
from imagegen_nb.store.base import HANDED_OVER, LedgerEntry
from imagegen_nb.sweeps.batch_collection import Collection, OpenBatch, cancel, open_batches
from imagegen_nb.sweeps.batch_submission import Payer, Submission, adopt
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.cell_choice import ChosenCells
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.execution import Task
from imagegen_nb.sweeps.progress import bar

MOST_CELLS = 100
"""Cells of a batch, if nothing else is said. A file of answers that is lost costs no more than these, and of
some providers answers beyond a gigabyte could not be had any more (googleapis/python-genai#2519)."""
_MOST_IN_A_BATCH = 50_000
_LONGEST_WAIT = 7 * 24 * 3600
_SHORTEST_POLL = 0.01


@dataclass(frozen=True, slots=True)
class SubmittedBatches:
    """The batches of a sweep that have not been collected; it shows itself. `notes` say what there is to say
    of the whole."""

    open: tuple[OpenBatch, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.open)

    @property
    def ids(self) -> tuple[str, ...]:
        """What the providers call them."""
        return tuple(batch.ref.id for batch in self.open)

    @property
    def title(self) -> str:
        """How many there are, in a line."""
        cells = sum(len(batch.entries) for batch in self.open)
        plural = "" if len(self.open) == 1 else "es"
        return f"{len(self.open):,} batch{plural} · {counted(cells, 'cell')} submitted"

    def rows(self) -> list[dict[str, str]]:
        """What there is to say of each, as text by what it is called."""
        return [_row(batch) for batch in self.open]

    def __repr__(self) -> str:
        lines = [self.title, *(f"  {note}" for note in self.notes)]
        for row in self.rows():
            expires = f"expires {row['expires']}" if row["expires"] else ""
            lines.append("  " + "  ".join(filter(None, {**row, "expires": expires}.values())))
        return visible("\n".join(lines))

    def _repr_html_(self) -> str:
        notes = "".join(f"<br>{escape(note)}" for note in self.notes)
        rows = self.rows()
        style = 'style="text-align:left;padding:2px 12px 2px 0"'
        head = "".join(f"<th {style}>{escape(name)}</th>" for name in rows[0]) if rows else ""
        lines = ("".join(f"<td {style}>{escape(text)}</td>" for text in row.values()) for row in rows)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return html_output(
            f'<p style="margin:4px 0"><strong>{escape(self.title)}</strong>{notes}</p>'
            f"<table><tr>{head}</tr>{body}</table>"
        )


def _row(batch: OpenBatch) -> dict[str, str]:
    status, expires = batch.status, batch.ref.expires_at
    said = "submitted" if status is None else status.status
    if status is not None and status.total:
        said += f", {(status.done or 0) + (status.failed or 0):,} of {status.total:,} requests"
    return {
        "provider": batch.step.entry.provider.label,
        "model": batch.step.model,
        "cells": counted(len(batch.entries), "cell"),
        "status": batch.problem or said,
        "expires": f"{expires[:16].replace('T', ' ')} UTC" if expires else "",
        "batch": batch.ref.id,
    }


@helpful_calls
class BatchedCells(ChosenCells):
    """Cells that can be submitted in batches, at another price, and collected later, in any kernel."""

    def submit(
        self,
        *,
        workspace: Context | None = None,
        only: Literal["failed"] | Iterable[Cell | int] | None = None,
        repeat: Literal["unknown"] | Iterable[Cell | int] = (),
        most_cells: int = MOST_CELLS,
        progress: bool = True,
    ) -> SubmittedBatches:
        """Submit the cells that have no images yet in batches of their providers, which carry them out within
        a day or so, mostly at half the price (`estimate(batch=True)`). Returns the batches, which show
        themselves; `collect` fetches what they bring.

        Each cell is entered in the ledger before anything is sent, with what it may cost: a budget that does
        not allow all of them refuses all. A batch has at most `most_cells` of one model. What may be under
        way, was paid for, or may have been, is not submitted again, whenever a process was killed; `only` and
        `repeat` are those of `run`. Raises `InvalidOption` where a provider or an account takes no batches,
        before anything is entered, and `BudgetExceeded`.
        """
        if type(most_cells) is not int or not 1 <= most_cells <= _MOST_IN_A_BATCH:
            raise InvalidOption(
                f"most_cells = {most_cells!r}: give a whole number from 1 to {_MOST_IN_A_BATCH:,}"
            )
        context = self._results.context(workspace)
        # Where a batch may have been made that nobody has noted, its cells are no free ones.
        Job(adopt(context, self._entries(context), patient=True)).wait()
        attempts = self._results.load(context, self.name)
        tasks = self._tasks(attempts, only, repeat)
        submission = Submission(
            sweep=self.name,
            context=context,
            tasks=tasks,
            inputs_of=self._step_and_inputs,
            calls=self._batch_calls(context, tasks),
            most_cells=most_cells,
            progress=bar(len(tasks), shown=progress),
        )

        def take_in() -> None:
            self._results.load(context, self.name)
            self.stopped = tuple(dict.fromkeys(submission.failures))

        with self._taken_in(take_in):
            Job(submission.run()).wait()
        return self._batches(context, (f"estimate in batches: {self.estimate(batch=True)}", *self.stopped))

    def collect(
        self,
        *,
        workspace: Context | None = None,
        wait: float = 0,
        poll: float = 30,
        give_up: bool = False,
        progress: bool = True,
    ) -> Self:
        """Fetch what the batches have brought, and end their cells as `run` would have; returns the sweep.

        It asks once, and can be called as often as one likes, in any kernel; it pays nothing. With `wait` it
        asks every `poll` seconds until all batches have ended, for at most so many seconds. Cells whose
        answers cannot be fetched stay submitted, and `stopped` says why; `give_up` ends those as `unknown`.
        Cells that were not carried out, since their batch expired or was cancelled, have failed for free.
        """
        _check_seconds("wait", wait, 0)
        _check_seconds("poll", poll, _SHORTEST_POLL)
        context = self._results.context(workspace)
        Job(adopt(context, self._entries(context), patient=False)).wait()
        found, problems = open_batches(self._entries(context))
        cells = sum(len(batch.entries) for batch in found)
        collection = Collection(context, found, bar(cells, shown=progress), give_up, self._wording)

        def take_in() -> None:
            self._results.load(context, self.name)
            self.stopped = tuple(dict.fromkeys([*problems, *collection.problems]))

        with self._taken_in(take_in):
            Job(collection.run(wait=wait, poll=poll)).wait()
        return self

    def batches(self, *, workspace: Context | None = None) -> SubmittedBatches:
        """The batches that were not collected yet, as the store knows them; nothing is asked."""
        context = self._results.context(workspace)
        self._results.load(context, self.name)
        return self._batches(context)

    def cancel_batches(self, *, workspace: Context | None = None) -> SubmittedBatches:
        """Let nothing more of the batches be carried out. What was is charged, and `collect` fetches it; the
        other cells are free to be run then."""
        context = self._results.context(workspace)
        Job(adopt(context, self._entries(context), patient=False)).wait()
        found, _ = open_batches(self._entries(context))
        problems = Job(cancel(context, found)).wait()
        self._results.load(context, self.name)
        return SubmittedBatches(tuple(found), tuple(problems))

    def _batches(self, context: Context, notes: Iterable[str] = ()) -> SubmittedBatches:
        found, problems = open_batches(self._entries(context))
        return SubmittedBatches(tuple(found), (*notes, *problems))

    def _entries(self, context: Context) -> list[LedgerEntry]:
        """The runs of this sweep that have no end yet, or were cut off, of the place where calls go now."""
        self._results.load(context, self.name)
        emulated = self._results.backend in SYNTHETIC_BACKENDS
        runs = context.store.cell_runs(f"{self.name}/")
        return [run for run in runs if run.state in HANDED_OVER and run.emulated == emulated]

    def _batch_calls(self, context: Context, tasks: Iterable[Task]) -> dict[Payer, BatchCalls]:
        """By payer. Raises what is in the way of any, before anything is entered."""
        calls: dict[Payer, BatchCalls] = {}
        for task in tasks:
            payer = self._plans[task.number].payer
            if payer not in calls:
                step = self._step_and_inputs(task.number)[0]
                calls[payer] = BatchCalls.of(context, step.entry.provider, step.charge_type)
        return calls


def _check_seconds(option: str, given: object, least: float) -> None:
    if not isinstance(given, int | float) or not least <= given <= _LONGEST_WAIT:
        raise InvalidOption(f"{option} = {given!r}: give seconds, from {least:g} to {_LONGEST_WAIT:,}")
