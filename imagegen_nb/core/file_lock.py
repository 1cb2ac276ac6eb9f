"""Locks on files, which the system releases when a process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HELD_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES, errno.ENOENT)


def try_lock(handle: int, path: Path) -> bool:
    """Whether the lock was free and is ours now, and the file is still the one at `path`.

    Closes `handle` where it raises, OSError.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError as error:
        if error.errno in _HELD_BY_ANOTHER:
            return False
        os.close(handle)
        raise


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path`, which is there only while it is held. Yields false where somebody else
    holds it, also in this process; true, without a lock, where the file system lets none be made."""
    handle, is_free = _opened(path)
    try:
        yield is_free
    finally:
        if handle is not None:
            with suppress(OSError):  # the next one takes it over
                path.unlink()
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing alone would leave it with the children of a fork
            os.close(handle)


def _opened(path: Path) -> tuple[int | None, bool]:
    """The locked file, if there can be one, and whether nobody else holds it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if try_lock(handle, path):
            return handle, True
    except OSError:
        return None, True
    os.close(handle)
    return None, False
