"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import uuid
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that it is there whole, or not at all, whatever happens."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    if os.name == "posix":  # elsewhere folders cannot be opened, and renames are durable by themselves
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def explain(error: OSError) -> str:
    """Why a file operation failed, in words for the user."""
    if error.errno == errno.ENOSPC:
        return "the disk is full. Free some space, or choose another folder"
    return error.strerror or type(error).__name__
