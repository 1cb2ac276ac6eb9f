"""Lets the kernel's interrupt cancel a run that no cell waits for.

A kernel gives SIGINT to the cell that is running and ignores it between cells, where a form's run goes on.
So this takes the signal only while the kernel ignores it; a running cell is interrupted as usual.

`Kernel.io_loop` is not documented by ipykernel, and used only here. `pyproject.toml` bounds ipykernel, and
`tests/widgets/test_interrupts.py` checks that the attribute is still there.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from IPython.core.getipython import get_ipython

from imagegen_nb.core import user_warnings
from imagegen_nb.core.background_loop import Job

_RETRY = 0.1  # seconds until the next check whether the kernel is between cells

_running_jobs: set[Job[Any]] = set()


def cancel_on_interrupt(job: Job[Any]) -> None:
    """Let an interrupt that meets no running cell cancel `job`; does nothing outside a notebook's kernel.

    May be called on any thread.
    """
    _running_jobs.add(job)
    job.future.add_done_callback(lambda _: _running_jobs.discard(job))
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return
    loop = getattr(kernel, "io_loop", None)
    if loop is None:
        user_warnings.warn(
            "with this version of ipykernel, interrupting the kernel does not cancel a form's run; "
            "use its Cancel button",
            RuntimeWarning,
        )
        return
    loop.add_callback(_take_signal, loop)


def _take_signal(loop: Any) -> None:
    """Handle SIGINT where the kernel ignores it. Runs on the main thread, the only one that may set handlers.

    While a cell is running the signal is the cell's, so this tries again later. Afterwards the kernel
    restores the handler it found, which is ours.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _cancel_jobs)
    elif handler is not _cancel_jobs and _running_jobs:
        loop.call_later(_RETRY, _take_signal, loop)


def _cancel_jobs(_number: int, _frame: FrameType | None) -> None:
    for job in tuple(_running_jobs):
        job.cancel()
