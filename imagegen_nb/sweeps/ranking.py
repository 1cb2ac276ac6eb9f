"""The cells of a sweep by what people said of their images, best first, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.frames import frame
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import counted
from imagegen_nb.providers import catalog
from imagegen_nb.sweeps.bradley_terry import Fit, fit
from imagegen_nb.sweeps.cell import Cell, CellSource
from imagegen_nb.sweeps.judgements import OUTCOMES, Contest
from imagegen_nb.sweeps.standings import Standings

_SURE = 1.96
"""Standard errors beyond which a difference is not taken for chance: nineteen times of twenty."""
_COLUMNS = ("place", "cell", "score", "error", "level", "won", "even", "lost")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A cell in a ranking. `score` is on the scale of log-odds: one that is higher by 1 is preferred e times
    as often as the other, where one of them is; their mean is 0. `error` is its standard error. `level` says
    that chance may explain what lies between it and the first."""

    place: int
    cell: Cell
    score: float
    error: float
    level: bool
    won: int
    even: int
    lost: int

    @property
    def standing(self) -> str:
        """Its place and score in words."""
        return f"place {_place(self)}, score {_score(self)}"

    def __repr__(self) -> str:
        return visible(f"<{self.place}. {_score(self)} · cell {self.cell.number} {self.cell.label}>")


class Ranking(Standings[Ranked]):
    """The cells that were compared, the best first: `ranking[0].cell` is the winner.

    Scores are those of the Bradley–Terry model with ties. It shows itself as a table.
    """

    title = "Ranking"
    heads = ("score", "won · even · lost")

    def __init__(self, sweep: CellSource, contest: Contest, rater: str | None) -> None:
        self._sweep = sweep
        judgements = contest.judgements(rater)
        self.raters = tuple(sorted({judgement.rater for judgement, _, _ in judgements}))
        self.comparisons = len(judgements)
        self._left_out = len(contest.images) - len({cell for _, *both in judgements for cell in both})
        self._standing = _ranked(
            sweep, [(left, right, OUTCOMES[judgement.verdict]) for judgement, left, right in judgements]
        )

    def to_frame(self, library: str | None = None) -> Any:
        """A table of pandas or polars, one row a cell; the axes' values stand in columns of their own."""
        rows = []
        for one in self:
            facts = (one.place, one.cell.number, one.score, one.error, one.level, one.won, one.even, one.lost)
            values = without_keys(one.cell.values, catalog.keys_in_use())
            rows.append({**values, **dict(zip(_COLUMNS, facts, strict=True))})
        return frame([*_COLUMNS, *self._sweep.axes], rows, library)

    def _notes(self) -> list[str]:
        if not self:
            return ["nothing was compared yet: sweep.rate()"]
        notes = [f"{counted(self.comparisons, 'comparison')} by {', '.join(self.raters)}"]
        if (first := sum(one.place == 1 for one in self)) > 1:
            notes.append(f"equal so far: the {first:,} cells in place 1")
        if level := sum(one.level and one.place > 1 for one in self):
            notes.append(f"not told apart yet: the first and {level:,} more, marked ≈")
        if self._left_out:
            notes.append(f"not compared yet: {counted(self._left_out, 'cell')}")
        return notes

    def _place(self, one: Ranked) -> str:
        return _place(one)

    def _columns(self, one: Ranked) -> tuple[str, ...]:
        return _score(one), _results(one)


def _ranked(sweep: CellSource, said: Sequence[tuple[int, int, int]]) -> list[Ranked]:
    numbers = sorted({cell for one in said for cell in one[:2]})
    places = {number: place for place, number in enumerate(numbers)}
    found = fit(len(numbers), ((places[first], places[second], outcome) for first, second, outcome in said))
    results = Counter[tuple[int, int]]()
    for first, second, outcome in said:
        results.update([(first, outcome), (second, -outcome)])
    shown = [round(score, 6) for score in found.scores]
    order = sorted(range(len(numbers)), key=lambda place: (-shown[place], place))
    best_first = [shown[place] for place in order]
    return [
        Ranked(
            1 + best_first.index(shown[place]),  # equals share a place
            Cell(sweep, numbers[place]),
            found.scores[place],
            found.errors[place],
            _is_level(found, order[0], place),
            *(results[numbers[place], outcome] for outcome in (1, 0, -1)),
        )
        for place in order
    ]


def _is_level(found: Fit, first: int, other: int) -> bool:
    difference = found.scores[first] - found.scores[other]
    return first == other or difference <= _SURE * found.error_between(first, other)


def _place(one: Ranked) -> str:
    return f"{one.place}\u00a0≈" if one.level and one.place > 1 else f"{one.place}"


def _score(one: Ranked) -> str:
    score = round(one.score, 2) + 0.0  # no negative nought
    return f"{score:+.2f} ± {one.error:.2f}".replace("-", "−").replace(" ", "\u00a0")


def _results(one: Ranked) -> str:
    return f"{one.won} · {one.even} · {one.lost}".replace(" ", "\u00a0")
