"""Stars and notes on images, by the id an image has in its store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imagegen_nb.errors import InvalidOption

LONGEST_NOTE = 2_000
"""Characters of a note: it is a remark, and all notes in sight go to the page."""


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


class MarkKeeper(Protocol):
    """Where marks are kept: a gallery asks for one at a time, as it shows an image, from any thread."""

    def read_mark(self, asset_id: str) -> Mark:
        """The mark of an image; an empty one where there is none."""

    def keep_mark(self, asset_id: str, mark: Mark) -> None:
        """Keep a mark in the place of an earlier one; an empty one is forgotten."""


class MemoryMarks:
    """Marks that live as long as this object. Images have ids of their own, so galleries can share one."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}

    def read_mark(self, asset_id: str) -> Mark:
        """The mark of an image; an empty one where there is none."""
        return self._marks.get(asset_id, Mark())

    def keep_mark(self, asset_id: str, mark: Mark) -> None:
        """Keep a mark in the place of an earlier one; an empty one is forgotten."""
        if mark == Mark():
            self._marks.pop(asset_id, None)
        else:
            self._marks[asset_id] = mark


KERNEL_MARKS = MemoryMarks()
"""What all galleries of this process share, until a store keeps marks: a star is the image's."""
