"""The cells of a sweep by what a judge found in their images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.frames import frame
from imagegen_nb.core.opinions import NUMBER, ScoreValue
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import counted, shortened
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.runs.marks import in_figures
from imagegen_nb.step.output import Asset
from imagegen_nb.store.base import Store
from imagegen_nb.sweeps.cell import Cell, CellSource
from imagegen_nb.sweeps.scoring import values_of
from imagegen_nb.sweeps.standings import Standings

_COLUMNS = ("place", "cell", "image", "judge")
_MOST_FAILURES = 5
_LONGEST_TEXT = 200
Found = tuple[Asset, Mapping[str, ScoreValue]]


@dataclass(frozen=True, slots=True)
class Scored:
    """A cell among those that were judged: `score` is the mean over its `images`, each of which stands there
    with all that the judge found in it, the best first."""

    place: int
    cell: Cell
    score: float
    images: tuple[Found, ...]

    def __repr__(self) -> str:
        return visible(
            f"<{self.place}. {in_figures(self.score)} · cell {self.cell.number} {self.cell.label}>"
        )


class Scores(Standings[Scored]):
    """The cells by one judge's scores, the best first: `scores[0].cell` is the winner.

    `by` is the value that counts, the higher the better unless `lowest`. `missing` are the cells without an
    image, of which no judge can say anything; `failures` the images that were not judged in this kernel, each
    with its cell and the reason.
    """

    def __init__(
        self,
        sweep: CellSource,
        cells: Iterable[Cell],
        store: Store,
        judge: str,
        *,
        by: str | None = None,
        lowest: bool = False,
        failures: Sequence[tuple[Cell, Asset, str]] = (),
    ) -> None:
        self._sweep = sweep
        self.judge = judge
        self.failures = tuple(failures)
        failed = {asset.id for _, asset, _ in failures}
        found, missing, self.unjudged = dict[int, list[Found]](), list[Cell](), 0
        for cell in cells:
            assets = cell.assets
            if not assets:
                missing.append(cell)
            for asset in assets:
                # What it found in an image earlier no longer counts where it fails on it now.
                values = None if asset.id in failed else values_of(store, asset, judge)
                if values is None:
                    self.unjudged += 1
                else:
                    found.setdefault(cell.number, []).append((asset, values))
        self.missing = tuple(missing)
        self.by = _checked_by(by, [values for each in found.values() for _, values in each])
        self.lowest = lowest
        self._standing = self._ordered(found)
        judged = sum(len(each) for each in found.values())
        self._without_number = judged - sum(len(one.images) for one in self._standing)
        self.title = f"Scores by {judge}"
        self.heads = (self.by, *(["beside it"] if any(self._beside(one) for one in self._standing) else []))

    def _ordered(self, found: Mapping[int, list[Found]]) -> list[Scored]:
        sign = 1 if self.lowest else -1
        means = []
        for number, images in found.items():
            counting = [one for one in images if _is_number(one[1].get(self.by))]
            if counting:
                counting.sort(key=lambda one: sign * float(one[1][self.by]))
                mean = sum(float(values[self.by]) for _, values in counting) / len(counting)
                means.append((sign * round(mean, 9), number, mean, tuple(counting)))
        means.sort(key=lambda one: one[:2])
        scored = list[Scored]()
        for rank, (key, number, mean, best_first) in enumerate(means, 1):
            place = scored[-1].place if scored and means[rank - 2][0] == key else rank
            scored.append(Scored(place, Cell(self._sweep, number), mean, best_first))
        return scored

    def to_frame(self, library: str | None = None) -> Any:
        """A table of pandas or polars, one row an image: what the judge found, and the axes' values."""
        rows = []
        for one in self:
            axes = without_keys(one.cell.values, catalog.keys_in_use())
            for asset, values in one.images:
                facts = (one.place, one.cell.number, asset.file_name, self.judge)
                rows.append({**axes, **values, **dict(zip(_COLUMNS, facts, strict=True))})
        names = dict.fromkeys(name for one in self for _, values in one.images for name in values)
        return frame(list(dict.fromkeys([*_COLUMNS, *names, *self._sweep.axes])), rows, library)

    def _notes(self) -> list[str]:
        if not self and not self.missing and not self.failures and not self._without_number:
            return ["no image was judged yet: sweep.score(judge)"]
        images = sum(len(one.images) for one in self)
        order = "lowest" if self.lowest else "highest"
        notes = [f"{counted(images, 'image')} of {counted(len(self), 'cell')}, the {order} {self.by} first"]
        if self._without_number:
            images_told = counted(self._without_number, "image")
            notes.append(f"judged without a number {self.by}, so in no place: {images_told}")
        if self.missing:
            notes.append(f"no image, so no score: {counted(len(self.missing), 'cell')}, see scores.missing")
        if waiting := self.unjudged - len(self.failures):
            notes.append(f"not judged: {counted(waiting, 'image')}")
        for cell, asset, reason in self.failures[:_MOST_FAILURES]:
            notes.append(f"the judge failed on {asset.file_name} of cell {cell.number}: {reason}")
        if (more := len(self.failures) - _MOST_FAILURES) > 0:
            notes.append(f"… and on {more:,} more, see scores.failures")
        return notes

    def _columns(self, one: Scored) -> tuple[str, ...]:
        beside = self._beside(one)
        return (in_figures(one.score), *([beside] if beside or len(self.heads) > 1 else []))

    def _beside(self, one: Scored) -> str:
        """What else the judge found in the best image."""
        rest = {name: value for name, value in one.images[0][1].items() if name != self.by}
        texts = (
            f"{name}: {in_figures(value) if _is_number(value) else shortened(str(value), _LONGEST_TEXT)}"
            for name, value in rest.items()
        )
        return " · ".join(texts)

    def _image(self, one: Scored) -> Asset:
        return one.images[0][0]


def judges_of(store: Store, assets: Iterable[Asset]) -> list[str]:
    """The judges who found something in these images."""
    return sorted({score.judge for asset in assets for score in store.scores(asset.id)})


def _checked_by(by: str | None, values: Sequence[Mapping[str, ScoreValue]]) -> str:
    """The value that counts: where nobody says which, the score, or the first number."""
    names = list(dict.fromkeys(name for each in values for name, value in each.items() if _is_number(value)))
    if by is None:
        return NUMBER if NUMBER in names or not names else names[0]
    if not values or by in names:
        return by
    raise InvalidOption(f"by = {by!r}: the judge gave no such number; it gave {', '.join(names) or 'none'}")


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float)
