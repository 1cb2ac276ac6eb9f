"""Which cells of a sweep were picked: kept by its store, beside stars and verdicts; and what a pick gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from imagegen_nb.core.html_repr import Page
from imagegen_nb.core.listeners import Listeners
from imagegen_nb.core.opinions import PickedCell
from imagegen_nb.core.redaction import visible
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import Store
from imagegen_nb.sweeps.judgements import topic_of

changed = Listeners()
"""Told of each pick that is made or taken back in this kernel."""

_TO_SAVE = "To save it: save_step(path, pick.step, run=pick.run)"


class Pick(NamedTuple):
    """What `pick` gives: the step of a cell, and its run, ready for `save_step(path, step, run=run)`."""

    step: ImageGenerationStep
    run: Run

    def __repr__(self) -> str:
        return visible(self._page().title)

    def _repr_html_(self) -> str:
        return self._page().html()

    def _page(self) -> Page:
        page = self.run.static_page()
        return replace(page, title=f"Pick · {page.title}", below=[*page.below, _TO_SAVE])


class CellRun(NamedTuple):
    """What is picked: a cell, by its key, with the run that it has. Another run in its place was not picked,
    and an emulator's is not the one that came for money."""

    cell: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Picks:
    """The picks of a sweep. All methods raise `StoreError`."""

    sweep: str
    store: Store

    def all(self) -> Sequence[CellRun]:
        """All picks, oldest first."""
        return [CellRun(one.cell, one.run_id) for one in self.store.picks(topic_of(self.sweep))]

    def pick(self, one: CellRun) -> None:
        """Keep a pick; one that is there already goes behind the others."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        topic = topic_of(self.sweep)
        self.store.keep_pick(PickedCell(id=self._id(one), topic=topic, picked_at=now, **one._asdict()))
        changed.tell()

    def unpick(self, one: CellRun) -> None:
        """Forget a pick; one that is not there may stay away."""
        self.store.remove_pick(self._id(one))
        changed.tell()

    def _id(self, one: CellRun) -> str:
        return sha256("\n".join((topic_of(self.sweep), *one)).encode()).hexdigest()[:32]
