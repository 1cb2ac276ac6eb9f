"""What, if anything, stands between the transport and the network: a cassette being recorded or replayed.

The floors below know only this seam. What fills it is `replay`, which is loaded by name when the
environment names a cassette, so that an ordinary run never imports it.
"""

from __future__ import annotations

import importlib
import os
import threading
from typing import Protocol

from imagegen_nb.core.types import Backend

CASSETTE_VARIABLE = "IMAGEGEN_NB_CASSETTE"
"""Names the folder of the cassette that a whole process uses, without a word in the program itself."""
SEND_TO = "imagegen_nb.send_to"
"""The request extension with the address that is really asked, where the recording shows another."""


class Tape(Protocol):
    """A cassette in use. `replaying`: it answers, and nothing is sent; else it is being recorded."""

    name: str
    replaying: bool
    emulator_url: str
    """The emulator that stands in for the providers while recording; empty for the process's own."""

    def backend(self, declared: Backend) -> Backend:
        """What made the recordings, for a workspace that declares `declared`. Raises `ReplayError`."""
        ...

    async def check(self, provider: object) -> None:
        """Prove once that the requests of `provider` pass the cassette. Raises `ReplayError`."""
        ...


_lock = threading.RLock()
_current: Tape | None = None
_environment_read = False


def current() -> Tape | None:
    """The cassette in use, if any; the first call opens the one the environment names.

    Raises `ReplayError` when that one cannot be opened.
    """
    global _environment_read
    with _lock:
        if _current is None and not _environment_read and os.environ.get(CASSETTE_VARIABLE):
            _environment_read = True  # opening asks again what is in use
            try:
                importlib.import_module("imagegen_nb.replay").use_environment()
            except BaseException:
                _environment_read = False
                raise
        return _current


def insert(tape: Tape) -> Tape:
    """Put `tape` in use and return the one that is: another, where one is in use already."""
    global _current
    with _lock:
        _current = _current or tape
        return _current


def eject(tape: Tape) -> None:
    """Take `tape` out of use; does nothing when another is in use."""
    global _current
    with _lock:
        if _current is tape:
            _current = None
