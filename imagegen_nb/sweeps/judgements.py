"""The comparisons of a sweep's images that its store has, as comparisons of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imagegen_nb.core.opinions import Judgement, Verdict
from imagegen_nb.step.output import Asset
from imagegen_nb.store.base import Store

OUTCOMES: dict[Verdict, int] = {"left": 1, "right": -1, "tie": 0}


def topic_of(sweep: str) -> str:
    """What the comparisons of a sweep's images are about."""
    return f"sweep/{sweep}"


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: the images of each cell that has some, and the cells' names, by number."""

    sweep: str
    store: Store
    images: Mapping[int, tuple[Asset, ...]]
    keys: Mapping[int, str]

    def judgements(self, rater: str | None = None) -> list[tuple[Judgement, int, int]]:
        """The comparisons of images that the cells have now, oldest first, each with the number of the left
        and of the right cell; all, or those of one rater.

        Images of an emulator are not those that came later for money, though the cells are the same.
        """
        numbers = {key: number for number, key in self.keys.items()}
        ids = {number: {asset.id for asset in assets} for number, assets in self.images.items()}
        found = []
        for one in self.store.judgements(topic_of(self.sweep)):
            left, right = numbers.get(one.left, -1), numbers.get(one.right, -1)
            is_there = one.left_image in ids.get(left, ()) and one.right_image in ids.get(right, ())
            if is_there and left != right and rater in (None, one.rater):
                found.append((one, left, right))
        return found
