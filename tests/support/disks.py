"""Disks that are full: a small tmpfs, where one may be mounted, and an index that may not grow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagegen_nb.store.local import LocalStore


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path | None]:
    """A tmpfs of so many bytes; None where the system does not allow it."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def free_bytes(folder: Path) -> int:
    """What may still be written."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def fill_up(folder: Path, but: int = 0) -> Path:
    """A file beside the store that leaves only so many bytes free."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, free_bytes(folder) - but)))
    return ballast


def stop_growth(store: LocalStore) -> None:
    """SQLite itself refuses further pages, on this connection, as on a full disk."""
    with store.database.read():
        connection = store.database.connection
        assert connection is not None
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
