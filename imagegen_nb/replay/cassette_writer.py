"""Writes what was recorded, except the recordings that hold a key.

Recordings may have cost money: where the cassette's folder cannot be written, they go to a temporary one.
"""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import Backend
from imagegen_nb.providers import catalog
from imagegen_nb.replay import blobs, cassette_file, filters
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.environment import NOTEBOOK_VARIABLE
from imagegen_nb.replay.recording import Recording

_PACKAGES = ("openai", "google-genai", "httpx2", "vcrpy")


def write(
    folder: Path, recordings: Sequence[Recording], against: Backend, unrecorded: Sequence[str] = ()
) -> About:
    """Write the `recordings` as a cassette, and return what it says of itself. Raises OSError.

    Recordings that hold a key are left out; `refused` names them, and what was `unrecorded` before.
    """
    writable, refused = _separate(recordings)
    known = catalog.keys_in_use()
    about = About(
        against=against,
        recorded_on=datetime.now(UTC).date().isoformat(),
        versions={
            "imagegen-nb": __version__,
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        notebook=os.environ.get(NOTEBOOK_VARIABLE, ""),
        refused=tuple(redact(place, known, limit=400) for place in (*refused, *unrecorded)),
    )
    cassette_file.write(folder, about, writable)
    return about


def rescue(name: str, recordings: Sequence[Recording], against: Backend) -> str:
    """Write the `recordings` into a temporary folder, and say where."""
    folder = Path(tempfile.mkdtemp(prefix="imagegen-nb-")) / name
    try:
        write(folder, recordings, against)
    except OSError as error:
        return f"Nor could the recordings be kept in {folder}: {explain(error)}"
    return f"The recordings are kept in {folder}"


def _separate(recordings: Sequence[Recording]) -> tuple[list[Recording], list[str]]:
    """The recordings that may be written, and for the others the reason why not."""
    known, writable, refused = catalog.keys_in_use(), list[Recording](), list[str]()
    for recording in recordings:
        call = redact(f"call {recording.call} to {recording.model}", known, limit=100)
        if secret := filters.find_key(recording, known):
            refused.append(f"{call}: {secret}")
        elif any(len(data) > blobs.LARGEST for data in blobs.extract(recording.response_body)[1].values()):
            refused.append(f"{call}: an image is larger than {blobs.LARGEST:,} bytes")
        else:
            writable.append(recording)
    return writable, refused
