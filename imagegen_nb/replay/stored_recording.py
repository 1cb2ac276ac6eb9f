"""A recording of a cassette on disk: its answer's body is read when it is played, and let go afterwards."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import blobs
from imagegen_nb.replay.recording import Recording

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A `recording` without its answer's body, which is `text` and the images in `folder` that it names.

    `place` says which recording of which cassette this is.
    """

    recording: Recording
    text: str = field(repr=False)
    folder: Path
    place: str

    def whole(self) -> Recording:
        """The recording with its answer's body. Raises `ReplayError`."""
        return replace(self.recording, response_body=self._of_body(blobs.restore))

    def verify(self) -> None:
        """Read all that will be played, and hold nothing. Raises `ReplayError` where it was changed."""
        self._of_body(blobs.verify)

    def pieces(self, change: Callable[[bytes], bytes]) -> Generator[bytes, None, None]:
        """The answer's body, a little at a time, with a `change` made in all but its images."""
        return blobs.pieces(self.text, self.folder, change)

    def _of_body(self, read: Callable[[str, Path], _Result]) -> _Result:
        try:
            return read(self.text, self.folder)
        except ReplayError as error:
            problem = str(error)
        raise ReplayError(redact(f"{self.place}: {problem}"))
