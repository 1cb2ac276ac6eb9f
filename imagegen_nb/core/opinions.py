"""What people think of images: a star and a note on one, and which of two is the better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imagegen_nb.errors import InvalidOption

LONGEST_NOTE = 2_000
"""Characters of a note: it is a remark, and all notes in sight go to the page."""

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
