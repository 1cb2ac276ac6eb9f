"""A lack of files that can be opened, told from other failures and waited out.

Bytes that have come, and are paid for, must not be lost for it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from imagegen_nb.core.error_chain import causes

T = TypeVar("T")

_LONGEST_WAIT = 60.0
"""Seconds to wait for a file that can be opened."""
_LOOK_AGAIN = 0.1
_OPEN_FILES = Path("/proc/self/fd")
_SCARCE = 0.8
"""The part of the files that are open already: an import opens several at once."""
OUT_OF_FILES = "this process has too many files open. Close some, or raise the limit (ulimit -n)"
"""Why a file could not be opened, in words for the user."""


def is_out_of_files(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is that no further file can be opened."""
    return any(
        isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes(error)
    )


def is_out_of_modules(error: BaseException | None) -> bool:
    """Whether `error` is that a module was not found, while hardly a file can be opened: the import system
    takes a folder it cannot list for one without the module."""
    return is_out_of_files(error) or (isinstance(error, ImportError) and _are_scarce())


def _are_scarce() -> bool:
    try:
        return sum(1 for _ in _OPEN_FILES.iterdir()) > _SCARCE * soft_limit()
    except OSError as error:
        return is_out_of_files(error)


def soft_limit() -> int:
    """How many files this process may have open."""
    try:
        import resource
    except ImportError:  # Windows bounds open files elsewhere
        return 1 << 16
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 16 if soft == resource.RLIM_INFINITY else soft


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
