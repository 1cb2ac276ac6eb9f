"""The cassette in use in this process, if any: being recorded, or replayed instead of the network.

The lower layers know only this protocol. `replay` implements it, and is loaded by name when the
environment names a cassette, so that an ordinary run never imports it.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from imagegen_nb.core.ancestors import Process, ancestors
from imagegen_nb.core.types import Backend

CASSETTE_VARIABLE = "IMAGEGEN_NB_CASSETTE"
"""The environment variable with the folder of a cassette for the whole process; no code has to change."""
PARENT_VARIABLE = "IMAGEGEN_NB_PARENT"
"""Set by a process that has a cassette in use, for those that it starts and that leave it: its number."""
SHARED_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - files there are opened without following, and checked
"""Where processes of a user find each other, whatever TMPDIR each of them has."""
_LONGEST_NUMBER = 20
"""Digits of a process's number."""
SEND_TO = "imagegen_nb.send_to"
"""The request extension with the address a request really goes to, where the recording shows another."""


class ActiveCassette(Protocol):
    """A cassette in use. `replaying`: it answers, and nothing is sent; else it is being recorded."""

    name: str
    replaying: bool
    emulator_url: str
    """The emulator that recordings are made against; empty for the emulator of this process."""

    def backend(self, declared: Backend) -> Backend:
        """What made the recordings, for a workspace that declares `declared`. Raises `ReplayError`."""
        ...

    async def check(self, provider: object) -> None:
        """Prove once that the requests of `provider` pass through the cassette. Raises `ReplayError`."""
        ...

    def begin_run(
        self, template: str, inputs: Mapping[str, Any], prompt: str, folder: str, run_id: str
    ) -> str:
        """Hear what the running task will send: the `prompt`, and the `template` and `inputs` it was made of.

        Returns the prompt as the cassette shows it: without what no other machine or run gives again.
        `folder` is the store's.
        """
        ...

    def note_image(self, asset_id: str, file_url: str, received: bytes) -> None:
        """Hear of a stored image, and of the bytes that the provider sent: a later prompt may name it."""
        ...


_lock = threading.RLock()
_current: ActiveCassette | None = None
_environment_read = False


def current() -> ActiveCassette | None:
    """The cassette in use, if any; the first call opens the one the environment names.

    Raises `ReplayError` when that one cannot be opened.
    """
    global _environment_read
    with _lock:
        if (
            _current is None
            and not _environment_read
            and (os.environ.get(CASSETTE_VARIABLE) or any(parents_files()))
        ):
            _environment_read = True  # set first: opening the cassette calls this function again
            try:
                importlib.import_module("imagegen_nb.replay").use_environment()
            finally:
                _environment_read = _current is not None
        return _current


def temporary_file(name: str) -> Path:
    """A file of this user's, by which processes on this machine know of each other."""
    return Path(_path_of(name))


def _path_of(name: object) -> str:
    return f"{_writable(SHARED_FOLDERS)}/imagegen-nb-{os.getuid()}-{name}.cassette"


@functools.lru_cache(maxsize=1)
def _writable(folders: tuple[str, ...]) -> str:
    """The first folder that this user may write to. It is asked for with each run."""
    usable = (folder for folder in folders if os.access(folder, os.W_OK | os.X_OK))
    if (folder := next(usable, None)) is not None:
        return folder
    import tempfile  # deferred: every run imports this file, and few get here

    return tempfile.gettempdir()


def parents_files() -> Iterator[tuple[Path, Process]]:
    """The files in which the processes that this one comes from say what they have in use; nearest first."""
    # The variable last: an environment may be older than what the parent has in use.
    known = [*ancestors(), *_told()]
    for process in known:
        path = _path_of(process.number)
        if process.number != os.getpid() and os.path.exists(path):  # noqa: PTH110 - pathlib takes five times as long
            yield Path(path), process


def _told() -> Iterator[Process]:
    """The processes that started this one, as multiprocessing and the environment tell."""
    started_by = getattr(sys.modules.get("multiprocessing.process"), "parent_process", lambda: None)()
    if started_by:
        yield Process(started_by.pid)
    told = os.environ.get(PARENT_VARIABLE, "")
    if told.isdecimal() and told.isascii():
        yield Process(int(told[:_LONGEST_NUMBER]))


def activate(cassette: ActiveCassette) -> ActiveCassette:
    """Use `cassette` from now on. Returns the one in use, which is another if there was one already."""
    global _current
    with _lock:
        _current = _current or cassette
        return _current


def deactivate(cassette: ActiveCassette) -> None:
    """Stop using `cassette`; does nothing when another is in use."""
    global _current
    with _lock:
        if _current is cassette:
            _current = None
