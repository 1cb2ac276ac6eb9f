"""Writes what was recorded, except the recordings that hold a key.

Recordings may have cost money: where the cassette's folder cannot be written, they go to a temporary one.
"""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import Backend
from imagegen_nb.providers import catalog
from imagegen_nb.replay import blobs, filters
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.environment import NOTEBOOK_VARIABLE
from imagegen_nb.replay.folder_writer import FolderWriter
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stowed import stow

_PACKAGES = ("openai", "google-genai", "httpx2", "vcrpy")


class CassetteWriter:
    """Writes a cassette into `folder` as often as it grows; each recording is searched for keys once."""

    def __init__(self, folder: Path) -> None:
        self._writer = FolderWriter(folder)
        self._known: tuple[str, ...] = ()
        self._judged: dict[int, tuple[Recording, str]] = {}
        """By its identity: each recording, and why it may not be written; empty for one that may."""

    def write(
        self, recordings: Sequence[Recording], against: Backend, unrecorded: Sequence[str] = ()
    ) -> About:
        """Write the `recordings`, and return what the cassette says of itself. Raises OSError.

        Recordings that hold a key are left out; `refused` names them, and what was `unrecorded` before.
        """
        writable, refused = self._separate(recordings)
        about = About(
            against=against,
            recorded_on=datetime.now(UTC).date().isoformat(),
            versions=_versions(),
            notebook=os.environ.get(NOTEBOOK_VARIABLE, ""),
            refused=tuple(redact(place, self._known, limit=400) for place in (*refused, *unrecorded)),
        )
        self._writer.write(about, writable)
        return about

    def _separate(self, recordings: Sequence[Recording]) -> tuple[list[Recording], list[str]]:
        """The recordings that may be written, and for the others the reason why not."""
        known = tuple(catalog.keys_in_use())
        if known != self._known:  # any of them may stand in what was written before
            self._known = known
            self._judged.clear()
        for recording in recordings:
            if id(recording) not in self._judged:
                self._judged[id(recording)] = recording, self._judge(recording)
        self._judged = {id(recording): self._judged[id(recording)] for recording in recordings}
        writable = [recording for recording, problem in self._judged.values() if not problem]
        return writable, [problem for _, problem in self._judged.values() if problem]

    def _judge(self, recording: Recording) -> str:
        """Why a recording may not be written; one that may is made ready for it. Raises OSError."""
        stowed = stow(recording)
        call = redact(f"call {recording.call} to {recording.model}", self._known, limit=100)
        if secret := filters.find_key(stowed, self._known):
            return f"{call}: {secret}"
        if any(len(data) > blobs.LARGEST for data in stowed.received_images.values()):
            return f"{call}: an image is larger than {blobs.LARGEST:,} bytes"
        self._writer.add(stowed)
        return ""


@cache
def _versions() -> Mapping[str, str]:
    """Those of the packages that ask; to look for them takes longer than to write a recording."""
    return {
        "imagegen-nb": __version__,
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def rescue(name: str, recordings: Sequence[Recording], against: Backend) -> str:
    """Write the `recordings` into a temporary folder, and say where."""
    folder = Path(tempfile.mkdtemp(prefix="imagegen-nb-")) / name
    try:
        CassetteWriter(folder).write(recordings, against)
    except OSError as error:
        return f"Nor could the recordings be kept in {folder}: {explain(error)}"
    return f"The recordings are kept in {folder}"
