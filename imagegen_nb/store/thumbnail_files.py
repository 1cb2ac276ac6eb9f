"""Thumbnails in a store's folder: a cache by the image's hash. What cannot be read or kept is made again."""

from __future__ import annotations

from contextlib import suppress

from imagegen_nb.core.atomic_files import read_bounded, temporary_name
from imagegen_nb.errors import StoreError
from imagegen_nb.store.paths import StorePaths

LARGEST = 100_000
"""Bytes of a thumbnail; any that this toolkit makes is far smaller."""


def read(paths: StorePaths, sha256: str, size: str) -> bytes | None:
    """The thumbnail that was kept. None where there is none, or something that is no whole WebP."""
    try:
        data = read_bounded(paths.thumbnail(sha256, size), LARGEST)
    except (OSError, StoreError):
        return None
    return data if data and is_whole_webp(data) else None


def write(paths: StorePaths, sha256: str, size: str, data: bytes) -> None:
    """Keep a thumbnail, whole or not at all, but not durably: after a power cut it is made again."""
    with suppress(OSError, StoreError):
        path = paths.thumbnail(sha256, size)
        paths.make(path.parent)
        temporary = path.with_name(temporary_name())
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def is_whole_webp(data: bytes) -> bool:
    """By what its header says: a file that was cut off by a power cut is shorter, or empty, or zeros."""
    size = int.from_bytes(data[4:8], "little")
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and size + 8 == len(data) and any(data[-64:])
