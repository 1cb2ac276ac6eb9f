"""Blind rating, two images at a time: which two come next, what was said of them, and what is taken back."""

from __future__ import annotations

import getpass
import os
import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from imagegen_nb.core.listeners import Listeners
from imagegen_nb.core.opinions import Judgement, Verdict
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.step.output import Asset
from imagegen_nb.sweeps.judgements import OUTCOMES, Contest, topic_of

_LONGEST_NAME = 80
_EACH = 6
"""Comparisons of each cell after which a ranking says something."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One side of a pair."""

    cell: int
    image: Asset


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images to compare. `id` is a new one whenever a pair is shown."""

    id: str
    left: Shown
    right: Shown


def rater_name(given: str | None) -> str:
    """Who rates: the name that was given, or that of the account. Raises `InvalidOption`."""
    name: object = _account() if given is None else given
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidOption(f"rater = {given!r}: give a name of at most {_LONGEST_NAME} characters")
    # No key stands in a variable here: a traceback with locals would show it.
    return str(without_keys(name.strip(), catalog.keys_in_use()))


def _account() -> str:
    try:
        return (os.environ.get("JUPYTERHUB_USER") or getpass.getuser())[:_LONGEST_NAME]
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "anonymous"


def _too_few(with_images: int, cells: int) -> str:
    """Why there are no two cells to compare, and how there would be."""
    if cells == 1:
        return (
            "two cells are compared, and this sweep has one. Vary something, such as "
            "over={'prompt': [one, another]}, or make the same more than once: repeats=2"
        )
    if not with_images:
        return (
            "two cells are compared, and none has an image yet: run the sweep first, sweep.run(workspace=ws)"
        )
    return (
        f"two cells are compared, and {with_images} of {cells:,} cells has images: run the others, "
        "sweep.run(workspace=ws)"
    )


class Rating:
    """The comparisons of one rater. Each verdict is in the store before the next pair comes.

    What was said earlier counts, so it goes on where it stopped. All methods may be called from any thread.
    `changed` tells who shows it of each verdict and each that is taken back.
    """

    def __init__(self, contest: Contest, rater: str, dice: random.Random | None = None) -> None:
        if len(contest.images) < 2:
            raise InvalidOption(f"rate: {_too_few(len(contest.images), len(contest.keys))}")
        self.rater = rater
        self._contest = contest
        self._dice = dice or random.Random()  # noqa: S311 - which pair comes next is no secret
        self._lock = threading.RLock()
        self._said = contest.judgements(rater)
        self.changed = Listeners()
        self.pair = self._next()

    def __repr__(self) -> str:
        # Without the rater, whose name may be that of an account, and without the cells: it is blind.
        done = counted(self.done, "comparison")
        return f"Blind rating, {done}" + (f" of {self.goal:,}" if self.done < self.goal else "")

    @property
    def done(self) -> int:
        """How many comparisons the rater has made."""
        return len(self._said)

    @property
    def goal(self) -> int:
        """After how many of them a ranking says something: all pairs, or six comparisons of each cell."""
        count = len(self._contest.images)
        return min(count * (count - 1) // 2, count * _EACH // 2)

    @property
    def is_emulated(self) -> bool:
        """Whether the images say themselves where they come from, as an emulator's do."""
        images = (image for images in self._contest.images.values() for image in images)
        return any(image.stored is not None and image.stored.emulated for image in images)

    def judge(self, pair_id: str, verdict: Verdict) -> bool:
        """Keep what the rater says of the pair and go on to the next; False, and nothing is kept, for another
        pair than the one that is shown. Raises `StoreError`, and the pair stays."""
        if verdict not in OUTCOMES:
            raise InvalidOption(f"verdict = {verdict!r}: choose from {', '.join(OUTCOMES)}")
        if not isinstance(pair_id, str):
            raise InvalidOption(f"pair_id is of type {type(pair_id).__name__}: give rating.pair.id")
        with self._lock:
            pair = self.pair
            if pair_id != pair.id:
                return False  # a key that was pressed twice
            judgement = Judgement(
                id=uuid4().hex,
                topic=topic_of(self._contest.sweep),
                left=self._contest.keys[pair.left.cell],
                right=self._contest.keys[pair.right.cell],
                left_image=pair.left.image.id,
                right_image=pair.right.image.id,
                verdict=verdict,
                rater=self.rater,
                judged_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            )
            self._contest.store.keep_judgement(judgement)
            self._said.append((judgement, pair.left.cell, pair.right.cell))
            self.pair = self._next()
        self.changed.tell()
        return True

    def undo(self) -> bool:
        """Take the rater's last verdict back, also one of an earlier day, and show that pair again; False
        where there is none. Raises `StoreError`."""
        with self._lock:
            if not self._said:
                return False
            judgement, left, right = self._said[-1]
            self._contest.store.take_back(judgement.id)
            self._said.pop()
            self.pair = Pair(
                uuid4().hex,
                Shown(left, self._image(left, judgement.left_image)),
                Shown(right, self._image(right, judgement.right_image)),
            )
        self.changed.tell()
        return True

    def _image(self, cell: int, image_id: str) -> Asset:
        return next(asset for asset in self._contest.images[cell] if asset.id == image_id)

    def _next(self) -> Pair:
        said = [(left, right, OUTCOMES[judgement.verdict]) for judgement, left, right in self._said]
        both = list(next_pair(list(self._contest.images), said, self._dice))
        self._dice.shuffle(both)  # nobody can know the better one by its side
        left, right = (Shown(cell, self._dice.choice(self._contest.images[cell])) for cell in both)
        return Pair(uuid4().hex, left, right)


def next_pair(
    cells: Sequence[int], said: Iterable[tuple[int, int, int]], dice: random.Random
) -> tuple[int, int]:
    """The two cells to compare next, out of what was said: the two, and 1, 0 or -1 for the first of them.

    The one that was compared least comes first. It meets, if it can, one that nothing connects it with yet,
    one it has not met, one that was compared as little, and one that does as well: of equals nobody knows
    which is better, and their comparison tells most. What is equal then is drawn.
    """
    said = list(said)
    compared, balance, met = Counter[int](), Counter[int](), Counter[frozenset[int]]()
    group = {cell: cell for cell in cells}
    for first, second, outcome in said:
        compared.update((first, second))
        balance.update({first: outcome, second: -outcome})
        met[frozenset((first, second))] += 1
        old, new = group[first], group[second]
        if old != new:
            group = {cell: new if one == old else one for cell, one in group.items()}
    shuffled = dice.sample(cells, len(cells))
    one = min(shuffled, key=lambda cell: compared[cell])

    def standing(cell: int) -> float:
        return balance[cell] / (compared[cell] + 2)

    def worth(other: int) -> tuple[bool, int, int, float]:
        return (
            group[other] == group[one],
            met[frozenset((one, other))],
            compared[other],
            abs(standing(other) - standing(one)),
        )

    return one, min((cell for cell in shuffled if cell != one), key=worth)
