"""What the log of an object store says, in memory: its records, its ledger and what people said."""

from __future__ import annotations

from dataclasses import replace

from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.store.base import (
    CHANGED_AT_THE_END,
    UNDER_WAY,
    AssetRecord,
    LedgerEntry,
    RunState,
    Spending,
)
from imagegen_nb.store.object_documents import Change, Entry, RunEnd


class View:
    """The state after the entries that were applied, in the order of the log. Only `apply` changes it."""

    def __init__(self) -> None:
        self.runs: dict[str, LedgerEntry] = {}
        self.owners: dict[str, str] = {}
        """Who began each run that is under way."""
        self.assets: dict[str, AssetRecord] = {}
        self.marks: dict[str, Mark] = {}
        self.judgements: dict[str, Judgement] = {}
        self.scores: dict[str, dict[str, Score]] = {}
        """By the images' ids: each image is asked about by itself."""
        self.tidied_by: str | None = None
        """Who is deleting files: no run may begin meanwhile."""
        self.picks: dict[str, PickedCell] = {}
        self.used_bytes = 0
        self._of_run: dict[str, list[AssetRecord]] = {}
        self._newest: dict[str, AssetRecord] = {}
        self._cells: dict[str, str] = {}
        self._of_call: dict[str, list[str]] = {}
        self._spent: dict[tuple[bool, str | None], Spending] = {}
        """What the runs that have ended have cost, by whether they were emulated: all, and each session's."""
        self._submitted: set[str] = set()

    def apply(self, entry: Entry) -> None:
        """Take in the next entry."""
        for change in entry.changes:
            if change.begun is not None:
                self._begin(change.begun, entry.owner)
            if change.ended is not None:
                self._end(change.ended)
            for asset in change.assets:
                self._add(asset)
            self._opine(change)
            if change.tidying is not None:
                self.tidied_by = change.tidying
            if change.tidied == self.tidied_by:  # not another one's that began since
                self.tidied_by = None

    def _begin(self, run: LedgerEntry, owner: str) -> None:
        if run.run_id in self.runs:
            return
        self.runs[run.run_id] = run
        self.owners[run.run_id] = owner
        self._count(run, 1)
        if run.cell:
            self._cells.setdefault(run.cell, run.run_id)
        if run.call:
            self._of_call.setdefault(run.call, []).append(run.run_id)

    def _end(self, end: RunEnd) -> None:
        if (begun := self.runs.get(end.run_id)) is None:
            return
        ended = replace(begun, **{name: getattr(end, name) for name in CHANGED_AT_THE_END})
        self._count(begun, -1)
        self._count(ended, 1)
        self.runs[end.run_id] = ended
        self.owners.pop(end.run_id, None)
        if end.state == "submitted":
            self._submitted.add(end.run_id)
        else:
            self._submitted.discard(end.run_id)

    def _add(self, asset: AssetRecord) -> None:
        if asset.id in self.assets:
            return
        self.assets[asset.id] = self._newest[asset.sha256] = asset
        self._of_run.setdefault(asset.run_id, []).append(asset)
        self.used_bytes += asset.file_size

    def _opine(self, change: Change) -> None:
        if change.mark is not None:
            self.marks.pop(change.mark.image, None)
            if change.mark.mark != Mark():
                self.marks[change.mark.image] = change.mark.mark
        if change.judgement is not None:
            self.judgements[change.judgement.id] = change.judgement
        if change.taken_back is not None:
            self.judgements.pop(change.taken_back, None)
        if change.score is not None:
            self.scores.setdefault(change.score.image, {})[change.score.id] = change.score
        if change.picked is not None:
            self.picks[change.picked.id] = change.picked
        if change.unpicked is not None:
            self.picks.pop(change.unpicked, None)

    def records(self, run_id: str | None) -> list[AssetRecord]:
        """All records, oldest first, or those of one run."""
        return list(self._of_run.get(run_id, ())) if run_id else list(self.assets.values())

    def newest(self, sha256: str) -> AssetRecord | None:
        """The newest record of an image with this hash."""
        return self._newest.get(sha256)

    def equal_runs(self, call: str) -> list[LedgerEntry]:
        """The runs of one call, oldest first."""
        return [self.runs[run_id] for run_id in self._of_call.get(call, ())]

    def is_taken(self, run: LedgerEntry) -> bool:
        """Whether another run for the same cell has begun."""
        return bool(run.cell) and self._cells.get(run.cell, run.run_id) != run.run_id

    def is_in_state(self, run_id: str, *states: RunState) -> bool:
        """Whether a run is there and in one of these states."""
        run = self.runs.get(run_id)
        return run is not None and run.state in states

    def reserved_bytes(self) -> int:
        """The sum of what runs under way may need."""
        return sum(self.runs[run_id].estimate for run_id in [*self.owners, *self._submitted])

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        """What runs have cost, all or those of one session: a total of those that have ended, and with it the
        few that are under way."""
        total = self._spent.get((emulated, session), Spending())
        for run_id in [*self.owners, *self._submitted]:
            run = self.runs[run_id]
            if run.emulated == emulated and session in (None, run.session):
                total = _with(total, run, 1)
        return total

    def _count(self, run: LedgerEntry, one: int) -> None:
        """Add the cost of a run that has ended to the totals, or take it away again."""
        if run.state not in UNDER_WAY:
            for of_session in (None, run.session):
                key = run.emulated, of_session
                self._spent[key] = _with(self._spent.get(key, Spending()), run, one)


def _with(total: Spending, run: LedgerEntry, one: int) -> Spending:
    """A total with a run's cost in it, or without it where `one` is -1."""
    # A run without a charge cost nothing; any other of unknown cost counts by its ceiling.
    cost = run.ceiling_ticks if run.cost_ticks is None else run.cost_ticks
    if run.charge == "none":
        cost = 0
    if cost is None:
        return replace(total, unbounded=total.unbounded + one)
    if run.state in UNDER_WAY:
        return replace(total, reserved=total.reserved + one * cost)
    return replace(total, spent=total.spent + one * cost)
