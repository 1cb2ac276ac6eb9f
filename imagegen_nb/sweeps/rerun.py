"""Cells of a sweep that are run again beside the notebook, as its grid starts them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterable

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.words import counted
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.estimate import SweepEstimate, total
from imagegen_nb.sweeps.sweep import Sweep

_CONCURRENCY = 8
_PAUSE = 0.3
"""Seconds between two looks at what has ended: who watches draws all of it anew."""


def can_run_again(cells: Iterable[Cell]) -> list[Cell]:
    """Those that failed and surely cost nothing."""
    return [cell for cell in cells if cell.outcome == "failed" and cell.result.is_free]


def estimate_of(cells: Iterable[Cell]) -> SweepEstimate:
    """What they may cost together."""
    return total((cell.estimate, 1) for cell in cells)


class Rerun:
    """It runs from its making on. `changed()` is called from a thread of its own as cells end, and once at
    the end. Raises what `Sweep.run` raises before anything is asked."""

    def __init__(self, sweep: Sweep, cells: Iterable[Cell], changed: Callable[[], object]) -> None:
        if sweep._results.workspace is None:
            raise InvalidOption("this sweep has no workspace yet: run it first, sweep.run(workspace=…)")
        context = sweep._results.context(None)
        numbers = [cell.number for cell in cells]
        execution = sweep._start(context, _CONCURRENCY, False, False, numbers, (), None, None)
        execution.progress = self
        self._sweep, self._execution, self._changed = sweep, execution, changed
        self.cells = frozenset(task.number for task in execution.tasks)
        self.done = 0
        self.note = ""
        self.error = ""
        self._news = self._is_over = False
        self._job = Job(execution.run())
        threading.Thread(target=self._watch, daemon=True, name="imagegen-rerun").start()

    def advance(self, note: str) -> None:
        """As `Progress`: one more cell has ended."""
        self.done, self.note, self._news = self.done + 1, note, True

    def close(self) -> None:
        """As `Progress`."""

    def cancel(self) -> None:
        """End it; what has arrived is kept."""
        self._job.cancel()

    @property
    def running(self) -> bool:
        """Whether it goes on, or how it ended is not known yet."""
        return not self._is_over

    @property
    def told(self) -> str:
        """What came of it, in a line."""
        ran = f"Ran {counted(self.done, 'cell')} again" + (f": {self.note}." if self.note else ".")
        return " ".join(filter(None, (ran, self.error, *self._sweep.stopped)))

    def _watch(self) -> None:
        while not self._job.future.done():
            concurrent.futures.wait([self._job.future], timeout=_PAUSE)
            if self._news and not self._job.future.done():
                self._news = False
                self._changed()
        try:
            self._job.future.result()
        except asyncio.CancelledError:
            self.error = "Stopped."
        except BaseException as error:  # noqa: BLE001 - told where it was started
            self.error = error.summary() if isinstance(error, ImagegenError) else f"{type(error).__name__}"
        self._sweep._end(self._execution)
        self._is_over = True
        self._changed()
