"""Which process may use a cassette: one records it, and those that it starts replay it or are refused.

What a child process recorded would be lost when it ends, or would overwrite what others recorded. So its
calls are refused before anything is asked. A process writes down which cassette it has in use, and holds a
lock on that file for as long as this is true. Its descendants find it by the process's number, which the
system tells them; a daemon, whose parent has ended, finds it by the environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb.core.active_cassette import PARENT_VARIABLE, parents_files, temporary_file
from imagegen_nb.core.ancestors import this_process
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay.environment import NOTEBOOK_VARIABLE

_MOST_TRIES = 10
_OLD = 60.0
"""Seconds after which a file that nobody locks is nobody's: it is made first, and locked then."""
_LARGEST = 10_000
"""Bytes of a path, and a word before it."""
_locks: dict[Path, int] = {}
"""Open files of the locks that this process holds, by path."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The cassette that the process which started this one has in use."""

    recording: bool
    folder: Path


def parent() -> Parent | None:
    """What the nearest process that this one descends from has in use; None where none has anything."""
    for path, process in parents_files():
        head, _, folder = _read_locked(path).partition(":")
        how, _, started = head.partition(" ")
        # Containers may share the folder, and number their processes alike.
        if folder and (not (process.started and started) or started == process.started):
            return Parent(how == "record", Path(folder))
    return None


def tell_children(folder: Path, *, recording: bool) -> str | None:
    """Let the processes that this one starts know of its cassette; the variable as it was before."""
    _remove_abandoned()
    path, how = temporary_file(str(os.getpid())), "record" if recording else "replay"
    if (handle := _lock(path)) is not None:
        os.ftruncate(handle, 0)
        told = f"{how} {this_process().started}:{folder.absolute()}"
        os.pwrite(handle, told.encode(errors="surrogateescape"), 0)
    before = os.environ.get(PARENT_VARIABLE)
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    return before


def tell_children_no_more(before: str | None) -> None:
    """The cassette is put away; the variable is as it was `before`."""
    _unlock(temporary_file(str(os.getpid())))
    if before is None:
        os.environ.pop(PARENT_VARIABLE, None)
    else:
        os.environ[PARENT_VARIABLE] = before


def refuse_children(folder: Path) -> None:
    """Raise `ReplayError` in a process that was started to work for the one that records this cassette."""
    told = parent()
    of_recorder = told is not None and told.recording and told.folder == folder.absolute()
    # A pool may be started before its parent's first run; of a recorded notebook only the kernel records.
    of_notebook = bool(os.environ.get(NOTEBOOK_VARIABLE)) and not _is_kernel()
    if of_recorder or of_notebook or multiprocessing.parent_process() is not None:
        raise refusal(folder.name)


def refusal(name: str) -> ReplayError:
    """The error of a call that a child process makes while its parent records the cassette `name`."""
    return ReplayError(
        f"cassette {name!r} is recorded by the process that started this one (a pool, a fork or a program): "
        "a call made here would be missing in it, so nothing was sent. Make the calls in that process, "
        "where threads, asyncio and several runs at once are recorded too"
    )


def lock(folder: Path) -> None:
    """Be the one process that records into `folder`, until `unlock`. Raises `ReplayError`."""
    path = _lock_of(folder)
    if path not in _locks and _lock(path) is None and path.exists():
        raise ReplayError(
            f"cassette {folder.name!r} is being recorded by another process, and one would overwrite what "
            "the other recorded: nothing was sent. Let one of them end, or give each a cassette of its own"
        )


def unlock(folder: Path) -> None:
    """Let other processes record into `folder`; does nothing where this one does not."""
    _unlock(_lock_of(folder))


def _lock_of(folder: Path) -> Path:
    digest = hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
    return temporary_file(f"recording-{digest}")


def _lock(path: Path) -> int | None:
    """Open and lock a file, which is held until `_unlock`; None where that cannot be done."""
    for _ in range(_MOST_TRIES):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.lstat(path)):
                _locks[path] = handle
                return handle
        except FileNotFoundError:
            pass  # whoever held the lock has just removed the file
        except OSError:
            os.close(handle)
            return None
        os.close(handle)
    return None


def _unlock(path: Path) -> None:
    """Remove a file whose lock this process holds, and let go of it; does nothing for any other."""
    handle = _locks.pop(path, None)
    if handle is not None:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _remove_abandoned() -> None:
    """Remove the files of processes that were killed, as kernels are."""
    for path in temporary_file("*").parent.glob(temporary_file("*").name):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > _OLD and path not in _locks and _lock(path) is not None:
                _unlock(path)


def _read_locked(path: Path) -> str:
    """The text of a file of this user's that another process holds a lock on; empty for any other."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        status = os.fstat(handle)
        if status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        return os.read(handle, _LARGEST).decode(errors="surrogateescape")
    finally:
        os.close(handle)


def _is_kernel() -> bool:
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def _after_fork_in_child() -> None:
    """The child's copies of the open files would keep the locks for as long as it lives."""
    while _locks:
        with suppress(OSError):
            os.close(_locks.popitem()[1])


os.register_at_fork(after_in_child=_after_fork_in_child)
