"""One lock file per process and store, held while the process has runs under way; a marker names each run.

The system releases a lock when its process ends, however it ends. So no clock, no lease and no process
number decides whether a run is still alive. A thousand runs at once need one open file.

A marker may take up room on the disk: a run that has begun, and is paid for, can be ended on a full one.
"""

from __future__ import annotations

import errno
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from imagegen_nb.core.file_lock import try_lock
from imagegen_nb.errors import StoreError
from imagegen_nb.store.paths import LOCK_SUFFIX, MARKER_SUFFIX, StorePaths, is_name

_TEMPORARY_SUFFIX = ".tmp"


@dataclass(slots=True)
class _ProcessLock:
    """The lock of this process in one store: its name, its open file, and the runs under way."""

    name: str
    handle: int
    runs: set[str] = field(default_factory=set)


_held: dict[Path, _ProcessLock] = {}
"""By the folder of the locks."""
_mutex = threading.Lock()


def acquire(paths: StorePaths, run_id: str, room: int = 0) -> None:
    """Mark a new run as this process's, and keep so many bytes of the disk for its end.

    Raises OSError, and `StoreError` for an id that cannot be a file's name.
    """
    paths.lock(run_id)  # refuses what cannot be a name, before anything is made
    paths.make(paths.locks)
    with _mutex:
        held = _held.get(paths.locks)
        if held is None or not _is_in_place(held, paths):
            if held is not None:
                os.close(_held.pop(paths.locks).handle)
            held = _held[paths.locks] = _lock_for_process(paths)
        marker = paths.marker(run_id, held.name)
        try:
            _make_marker(marker, room)
        except OSError:
            _release_if_unused(paths, held)
            raise
        held.runs.add(run_id)


def free_room(paths: StorePaths, run_id: str, owner: str | None = None) -> bool:
    """Give back what was kept for the end of a run of this process, or of `owner`, which is gone; whether
    there was any."""
    with _mutex:
        held = _held.get(paths.locks)
        name = owner or (held.name if held is not None else "")
    if not name:
        return False
    try:
        handle = os.open(paths.marker(run_id, name), os.O_WRONLY | os.O_NOFOLLOW)
        try:
            kept = os.fstat(handle).st_size
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)
    except (OSError, StoreError):  # StoreError: an id that no run here can have
        return False
    return kept > 0


def release(paths: StorePaths, run_id: str) -> None:
    """Remove a run's marker, and the lock with the last one; does nothing for a run of another process."""
    with _mutex:
        held = _held.get(paths.locks)
        if held is not None and run_id in held.runs:
            held.runs.remove(run_id)
            with suppress(OSError):  # the next start of a run removes it
                paths.marker(run_id, held.name).unlink()
            _release_if_unused(paths, held)


def owners(paths: StorePaths, run_ids: Iterable[str]) -> dict[str, set[str]]:
    """The runs by the name of the lock that keeps them alive, also of locks without any: `run_ids`, and those
    that have a marker. Runs of this process are left out.

    A run without a marker has a lock of its own name, as earlier versions made it, or none. Raises OSError.
    """
    with _mutex:
        held = _held.get(paths.locks)
        if held is not None and not _is_in_place(held, paths):
            held = None
        own = set() if held is None else set(held.runs)
    own_marker = f".{held.name}{MARKER_SUFFIX}" if held is not None else None
    names = _names(paths.locks, own_marker)
    for name in _stems(names, _TEMPORARY_SUFFIX):
        _remove_if_abandoned(paths.locks / f"{name}{_TEMPORARY_SUFFIX}")
    markers = [name.partition(".") for name in _stems(names, MARKER_SUFFIX)]
    owner_of = {run_id: owner for run_id, _, owner in markers if is_name(run_id) and is_name(owner)}
    by_owner: dict[str, set[str]] = {name: set() for name in _stems(names, LOCK_SUFFIX) if is_name(name)}
    for run_id in {*run_ids, *owner_of} - own:
        by_owner.setdefault(owner_of.get(run_id, run_id), set()).add(run_id)
    if held is not None:
        by_owner.pop(held.name, None)
    return by_owner


@contextmanager
def try_acquire_abandoned(paths: StorePaths, owner: str, run_ids: Iterable[str]) -> Iterator[bool]:
    """Hold the lock of a process that is gone; at the end, remove its file and the markers of `run_ids`.

    Yields false where a process still holds it. When the caller fails, the files stay for the next attempt.
    Raises OSError.
    """
    path = paths.lock(owner)
    paths.make(paths.locks)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if not try_lock(handle, path):
        os.close(handle)
        yield False
        return
    try:
        yield True
    except BaseException:
        os.close(handle)
        raise
    for run_id in run_ids:
        with suppress(OSError):
            paths.marker(run_id, owner).unlink()
    _remove(handle, path)


def _make_marker(marker: Path, room: int) -> None:
    """Raises OSError, also where the disk has not so much room."""
    handle = os.open(marker, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        if room and hasattr(os, "posix_fallocate"):  # not on macOS and Windows
            os.posix_fallocate(handle, 0, room)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # others: this file system keeps none for anybody
            with suppress(OSError):
                marker.unlink()
            raise
    finally:
        os.close(handle)


def _lock_for_process(paths: StorePaths) -> _ProcessLock:
    while True:
        # Lock first, then rename: recovery must never find the file unlocked.
        temporary = paths.locks / f"{uuid.uuid4().hex}{_TEMPORARY_SUFFIX}"
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if try_lock(handle, temporary):
            name = uuid.uuid4().hex
            temporary.rename(paths.lock(name))
            return _ProcessLock(name, handle)
        os.close(handle)


def _is_in_place(held: _ProcessLock, paths: StorePaths) -> bool:
    """Whether the locked file is still the one that others find: its folder may have been deleted."""
    try:
        return os.path.samestat(os.fstat(held.handle), os.lstat(paths.lock(held.name)))
    except OSError:
        return False


def _release_if_unused(paths: StorePaths, held: _ProcessLock) -> None:
    if not held.runs:
        del _held[paths.locks]
        _remove(held.handle, paths.lock(held.name))


def _names(folder: Path, own_marker: str | None) -> list[str]:
    """Of the plain files in the folder, without this process's own markers. There may be hundreds, and each
    run that begins looks at them: they stay text."""
    try:
        with os.scandir(folder) as entries:
            others = [one for one in entries if own_marker is None or not one.name.endswith(own_marker)]
    except FileNotFoundError:
        return []
    return sorted(one.name for one in others if one.is_file(follow_symlinks=False))


def _stems(names: list[str], suffix: str) -> list[str]:
    """Those with the suffix, without it."""
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _remove_if_abandoned(temporary: Path) -> None:
    """Its process was killed between making the file and renaming it."""
    try:
        handle = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # renamed meanwhile
    if try_lock(handle, temporary):
        _remove(handle, temporary)
    else:
        os.close(handle)


def _remove(handle: int, path: Path) -> None:
    with suppress(OSError):  # the next start of a run removes it
        path.unlink()
    os.close(handle)


# The database calls these around a fork, after it took its own lock: recovery comes here while it holds that.


def before_fork() -> None:
    """Let no thread be in the midst of anything here."""
    _mutex.acquire()


def after_fork_in_parent() -> None:
    """Go on."""
    _mutex.release()


def after_fork_in_child() -> None:
    """The child's copies of the open files would keep the parent's locks held."""
    while _held:
        os.close(_held.popitem()[1].handle)
    _mutex.release()
