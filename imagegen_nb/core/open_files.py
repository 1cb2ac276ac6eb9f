"""A lack of files that can be opened, told from other failures and waited out.

Bytes that have come, and are paid for, must not be lost for it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from imagegen_nb.core.error_chain import causes

T = TypeVar("T")

_LONGEST_WAIT = 60.0
"""Seconds to wait for a file that can be opened."""
_LOOK_AGAIN = 0.1
OUT_OF_FILES = "this process has too many files open. Close some, or raise the limit (ulimit -n)"
"""Why a file could not be opened, in words for the user."""


def is_out_of_files(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is that no further file can be opened."""
    return any(
        isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes(error)
    )


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
