"""What has images, a run of the history or a cell of a sweep: their files, stars, notes and scores."""

from __future__ import annotations

from pathlib import Path

from imagegen_nb.runs.marks import is_starred, notes_on, scores_of
from imagegen_nb.step.output import Asset, local_files


class Pictured:
    """Mixed into what has `assets`."""

    __slots__ = ()

    @property
    def assets(self) -> tuple[Asset, ...]:
        """Its images."""
        raise NotImplementedError

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of its images, where the store keeps files."""
        return local_files(self.assets)

    @property
    def starred(self) -> bool:
        """Whether one of its images has a star."""
        return is_starred(self.assets)

    @property
    def note(self) -> str:
        """What was noted on its images."""
        return notes_on(self.assets)

    @property
    def scores(self) -> dict[str, float]:
        """What judges gave its images, by their names: the mean of several images."""
        return scores_of(self.assets)
