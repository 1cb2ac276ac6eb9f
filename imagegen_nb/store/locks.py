"""Which runs are under way: each holds the lock of a file for as long as its process lives.

The system lets go of a lock when its process ends, however it ends. So no clock, no lease and no process
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

from imagegen_nb.store.paths import Places, inside, is_name, named_after

_FINISHED = ".lock"
_UNFINISHED = ".tmp"
_held: dict[Path, int] = {}
"""The open files of the locks this process holds. A forked child has copies, which would keep them held."""
_guard = threading.Lock()


def take(places: Places, run_id: str) -> None:
    """Hold the lock of a new run. Raises OSError, and `StoreError` for an id that cannot be a name."""
    path = _path(places, run_id)
    inside(places.folder, places.locks)
    with _guard:
        while path not in _held:
            # Locked before it has its name: whoever tidies up never finds it free.
            temporary = places.locks / f"{uuid.uuid4().hex}{_UNFINISHED}"
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if _locked(handle, temporary):
                temporary.rename(path)
                _held[path] = handle
            else:
                os.close(handle)


def release(places: Places, run_id: str) -> None:
    """Let go of a lock this process holds, and remove its file; does nothing when it holds none."""
    path = _path(places, run_id)
    with _guard:
        if (handle := _held.pop(path, None)) is not None:
            _remove(handle, path)


@contextmanager
def left_behind(places: Places, run_id: str) -> Iterator[bool]:
    """Hold the lock of a run whose process is gone, and remove its file on leaving; false where somebody
    holds it. Where what is done meanwhile fails, the file stays for the next one to come by.

    Raises OSError.
    """
    path = _path(places, run_id)
    inside(places.folder, places.locks)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if not _locked(handle, path):
        os.close(handle)
        yield False
        return
    try:
        yield True
    except BaseException:
        os.close(handle)
        raise
    _remove(handle, path)


def names(places: Places) -> list[str]:
    """The runs that have a lock file, held or not. Raises OSError."""
    found = _files(places)
    for path in found:
        if path.suffix == _UNFINISHED:
            _collect(path)
    return [path.stem for path in found if path.suffix == _FINISHED and is_name(path.stem)]


def _files(places: Places) -> list[Path]:
    try:
        return sorted(path for path in places.locks.iterdir() if path.is_file() and not path.is_symlink())
    except FileNotFoundError:
        return []


def _collect(path: Path) -> None:
    """Remove the file of a process that was killed before it had the lock."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # it has its name by now
    if _locked(handle, path):
        _remove(handle, path)
    else:
        os.close(handle)


def _path(places: Places, run_id: str) -> Path:
    return places.locks / f"{named_after(run_id)}{_FINISHED}"


def _locked(handle: int, path: Path) -> bool:
    """Whether the lock was free and is ours now, and the file still the one at `path`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.ENOENT):
            return False
        os.close(handle)
        raise


def _remove(handle: int, path: Path) -> None:
    with suppress(OSError):  # what is left is empty, and removed when the next run starts
        path.unlink()
    os.close(handle)


def _after_fork_in_child() -> None:
    while _held:
        os.close(_held.popitem()[1])
    _guard.release()


os.register_at_fork(
    before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_after_fork_in_child
)
