"""What is thought of images: stars and notes, which of two is the better one, judges' scores, and picks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imagegen_nb.errors import InvalidOption

_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
LONGEST_NOTE = 2_000
"""Characters of a note: it is a remark, and all notes in sight go to the page."""

LONGEST_SCORE = 10_000
"""Characters, as JSON, of all that a judge may say of one image."""
NUMBER = "score"
"""What a judge's single number is called."""
ScoreValue = bool | int | float | str

Verdict = Literal["left", "right", "tie"]
"""Which of two images is the better one, by its side; a `tie` where neither is."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody thinks of an image. Raises `InvalidOption` for a note that is too long."""

    starred: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.note) > LONGEST_NOTE:
            raise InvalidOption(
                f"note: it has {len(self.note):,} characters, at most {LONGEST_NOTE:,} are kept; shorten it"
            )

    def changed(self, starred: bool | None, note: str | None) -> Mark:
        """It with what is not None changed. Raises `InvalidOption` as the class does."""
        return Mark(
            self.starred if starred is None else starred,
            self.note if note is None else note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One comparison of two images, as somebody saw them side by side.

    `topic` is what was rated, a sweep by its name. `left` and `right` name what the images stand for there,
    its cells; `left_image` and `right_image` are the images' ids in their store. `rater` is who judged;
    `judged_at` an ISO 8601 time in UTC with microseconds, by which judgements are ordered.
    """

    id: str
    topic: str
    left: str
    right: str
    left_image: str
    right_image: str
    verdict: Verdict
    rater: str
    judged_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedCell:
    """A cell that somebody picked, with the run that it had then: another run in its place was not picked.

    `topic` is what it was picked of, a sweep by its name; `cell` names the cell there. `picked_at` is an ISO
    8601 time in UTC with microseconds, by which picks are ordered. `id` is of all but the time, so that a
    cell is picked once.
    """

    id: str
    topic: str
    cell: str
    run_id: str
    picked_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a judge found in an image: numbers, texts, yes and no by the names it gave them.

    `image` is the image's id in its store, `judge` the judge's name; `id` is of both, so that a later score
    takes the place of an earlier one. `scored_at` is an ISO 8601 time in UTC. Raises `InvalidOption` for
    values that are none of these, not finite, or too long.
    """

    id: str
    image: str
    judge: str
    values: Mapping[str, ScoreValue]
    scored_at: str

    @property
    def number(self) -> float | None:
        """The number that counts where nobody says which: the one called `score`, or the first; None where
        there is none."""
        numbers = {name: float(value) for name, value in self.values.items() if not isinstance(value, str)}
        return numbers.get(NUMBER, next(iter(numbers.values()), None))

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidOption("the judge returned nothing: give a number, or numbers and texts by name")
        for name, value in self.values.items():
            given: tuple[object, object] = (name, value)
            if not isinstance(given[0], str) or not isinstance(given[1], ScoreValue):
                kind = type(value).__name__
                raise InvalidOption(f"{name!r} is of type {kind}: give numbers and texts by name")
            if not isinstance(value, str) and not _is_finite(value):
                raise InvalidOption(f"{name!r} is not finite: give a finite number")
        written = json.dumps(dict(self.values), ensure_ascii=False)
        if _HALF_A_CHARACTER.search(written):
            raise InvalidOption("the judge returned a broken character: give text that UTF-8 can hold")
        if len(written) > LONGEST_SCORE:
            raise InvalidOption(
                f"the judge said {len(written):,} characters; at most {LONGEST_SCORE:,} are kept"
            )


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond all floats
        return False
