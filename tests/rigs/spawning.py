"""Processes to kill: forked off one that has everything loaded, so that thousands of them cost little."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress


def fork(work: Callable[[], object]) -> int:
    """Carry out `work` in a child of its own, which then ends; its process number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may go on in the child
        traceback.print_exc()
    finally:
        os._exit(code)


def kill(child: int) -> None:
    """End a child at once, wherever it is, and wait for its end."""
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def ended_well(child: int) -> bool:
    """Wait for a child; whether it ended without an exception."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
