"""The kernel's interrupt, heard by runs that no cell waits for.

A kernel gives SIGINT to the cell that is running and ignores it between cells, where a form's run goes
on. So only what would be ignored is taken, and a cell is still interrupted as ever.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from IPython.core.getipython import get_ipython

from imagegen_nb.core.background_loop import Job

_AGAIN = 0.1
"""Seconds to the next look whether the kernel is between cells."""

_under_way: set[Job[Any]] = set()


def cancel_on_interrupt(job: Job[Any]) -> None:
    """Let an interrupt that finds no cell running cancel `job`; outside a notebook's kernel there is none.

    May be called on any thread.
    """
    _under_way.add(job)
    job.future.add_done_callback(lambda _: _under_way.discard(job))
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is not None:
        kernel.io_loop.add_callback(_listen, kernel.io_loop)


def _listen(loop: Any) -> None:
    """Take the ignored signal; on the main thread, which is the only one that may.

    During a cell the signal is the cell's, and the kernel puts back afterwards what was there before.
    """
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)
    elif heard is not _interrupted and _under_way:
        loop.call_later(_AGAIN, _listen, loop)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    for job in tuple(_under_way):
        job.cancel()
