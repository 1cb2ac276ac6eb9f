"""How much a process does at once: as much as the files it may have open allow, and the rest waits.

Each run under way needs sockets and files. A process that starts a thousand runs would otherwise be refused
some of them in the middle, when images are paid for.
"""

from __future__ import annotations

import asyncio
import errno
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LONGEST_WAIT = 60.0
"""Seconds to wait for a file that can be opened."""
_LOOK_AGAIN = 0.1
OUT_OF_FILES = "this process has too many files open. Close some, or raise the limit (ulimit -n)"
"""Why a file could not be opened, in words for the user."""


class LoopSemaphore:
    """A semaphore of each event loop, for as many at once as the limit of open files allows.

    `most` is the number where files are plenty, `files` how many open files there have to be for each.
    """

    def __init__(self, most: int, files: int) -> None:
        self._most = most
        self._files = files
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def size(self) -> int:
        """How many it lets in at once."""
        return max(2, min(self._most, _soft_limit() // self._files))

    def __call__(self) -> asyncio.Semaphore:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        if loop not in self._of_loop:
            self._of_loop[loop] = asyncio.Semaphore(self.size)
        return self._of_loop[loop]


def is_out_of_files(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is that no further file can be opened."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False


def patiently(function: Callable[[], T], out_of_files: Callable[[Exception], bool]) -> T:
    """What `function` returns; called again, for a minute, while it raises what `out_of_files` recognises.

    Blocks its thread.
    """
    until = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            return function()
        except Exception as error:
            if not out_of_files(error) or time.monotonic() >= until:
                raise
        time.sleep(_LOOK_AGAIN)


def _soft_limit() -> int:
    try:
        import resource
    except ImportError:  # Windows bounds open files elsewhere
        return 1 << 16
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 16 if soft == resource.RLIM_INFINITY else soft
