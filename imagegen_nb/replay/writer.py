"""Writes what was recorded: all but what holds a key, and elsewhere where its own place is not to be had."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import Backend
from imagegen_nb.providers import catalog
from imagegen_nb.providers.credentials import placeholders
from imagegen_nb.replay import blobs, cassette_file, filters
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.environment import NOTEBOOK_VARIABLE
from imagegen_nb.replay.recording import Recording

_PACKAGES = ("openai", "google-genai", "httpx2", "vcrpy")


def no_keys() -> dict[str, str]:
    """What the environment of a replay has to say, so that none of those keys is in it."""
    return placeholders(provider.key_variable for provider in catalog.providers())


def keep(folder: Path, taken: Sequence[Recording], against: Backend, unrecorded: Sequence[str] = ()) -> About:
    """Write a cassette with what was `taken` and say what it says of itself. Raises OSError.

    What holds a key is left out, and named in `refused` with the `unrecorded`.
    """
    clean, refused = _sorted_out(taken)
    places = tuple(redact(place, catalog.keys_in_use(), limit=400) for place in (*refused, *unrecorded))
    about = replace(_about(against), refused=places)
    cassette_file.write(folder, about, clean)
    return about


def rescue(name: str, taken: Sequence[Recording], against: Backend) -> str:
    """Keep recordings, which may have cost money, in a temporary folder, and say where."""
    folder = Path(tempfile.mkdtemp(prefix="imagegen-nb-")) / name
    try:
        keep(folder, taken, against)
    except OSError as error:
        return f"Nor could the recordings be kept in {folder}: {explain(error)}"
    return f"The recordings are kept in {folder}"


def _sorted_out(taken: Sequence[Recording]) -> tuple[list[Recording], list[str]]:
    """The recordings that may be written, and why the others may not."""
    known, clean, refused = catalog.keys_in_use(), list[Recording](), list[str]()
    for recording in taken:
        where = redact(f"call {recording.call} to {recording.model}", known, limit=100)
        if found := filters.key_in(recording, known):
            refused.append(f"{where}: {found}")
        elif any(len(data) > blobs.LARGEST for data in blobs.stow(recording.answer)[1].values()):
            refused.append(f"{where}: an image is larger than {blobs.LARGEST:,} bytes")
        else:
            clean.append(recording)
    return clean, refused


def _about(against: Backend) -> About:
    return About(
        against=against,
        recorded_on=datetime.now(UTC).date().isoformat(),
        versions={
            "imagegen-nb": __version__,
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        notebook=os.environ.get(NOTEBOOK_VARIABLE, ""),
    )
