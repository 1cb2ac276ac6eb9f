"""One lock file per run under way, held for as long as the run's process lives.

The system releases a lock when its process ends, however it ends. So no clock, no lease and no process
number decides whether a run is still alive.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagegen_nb.store.paths import LOCK_SUFFIX, StorePaths, is_name

_TEMPORARY_SUFFIX = ".tmp"
_held: dict[Path, int] = {}
"""Open files of the locks that this process holds, by path."""
_mutex = threading.Lock()


def acquire(paths: StorePaths, run_id: str) -> None:
    """Take the lock of a new run. Raises OSError, and `StoreError` for an id that cannot be a file's name."""
    path = paths.lock(run_id)
    paths.make(paths.locks)
    with _mutex:
        while path not in _held:
            # Lock first, then rename: recovery must never find the file unlocked.
            temporary = paths.locks / f"{uuid.uuid4().hex}{_TEMPORARY_SUFFIX}"
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if _try_lock(handle, temporary):
                temporary.rename(path)
                _held[path] = handle
            else:
                os.close(handle)


def release(paths: StorePaths, run_id: str) -> None:
    """Release a lock and remove its file; does nothing when this process does not hold it."""
    path = paths.lock(run_id)
    with _mutex:
        if (handle := _held.pop(path, None)) is not None:
            _remove(handle, path)


@contextmanager
def try_acquire_abandoned(paths: StorePaths, run_id: str) -> Iterator[bool]:
    """Hold the lock of a run whose process is gone, and remove its file at the end.

    Yields false where a process still holds it. When the caller fails, the file stays for the next attempt.
    Raises OSError.
    """
    path = paths.lock(run_id)
    paths.make(paths.locks)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if not _try_lock(handle, path):
        os.close(handle)
        yield False
        return
    try:
        yield True
    except BaseException:
        os.close(handle)
        raise
    _remove(handle, path)


def run_ids(paths: StorePaths) -> list[str]:
    """The runs that have a lock file, held or not. Raises OSError."""
    files = _files(paths.locks)
    for path in files:
        if path.suffix == _TEMPORARY_SUFFIX:
            _remove_if_abandoned(path)
    return [path.stem for path in files if path.suffix == LOCK_SUFFIX and is_name(path.stem)]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    except FileNotFoundError:
        return []


def _remove_if_abandoned(temporary: Path) -> None:
    """Its process was killed between making the file and renaming it."""
    try:
        handle = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # renamed meanwhile
    if _try_lock(handle, temporary):
        _remove(handle, temporary)
    else:
        os.close(handle)


def _try_lock(handle: int, path: Path) -> bool:
    """Whether the lock was free and is ours now, and the file is still the one at `path`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.ENOENT):
            return False
        os.close(handle)
        raise


def _remove(handle: int, path: Path) -> None:
    with suppress(OSError):  # the next start of a run removes it
        path.unlink()
    os.close(handle)


def _after_fork_in_child() -> None:
    """The child's copies of the open files would keep the parent's locks held."""
    while _held:
        os.close(_held.popitem()[1])
    _mutex.release()


os.register_at_fork(
    before=_mutex.acquire, after_in_parent=_mutex.release, after_in_child=_after_fork_in_child
)
