"""The last runs of this process, whoever started them: a notebook's forms offer them beside their own."""

from __future__ import annotations

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.runs.run import Run

_MOST = 100
"""Older ones are in the store alone. A run holds its settings and where its images are, not their bytes."""
_lock = ForkSafeLock()
_runs: dict[str, Run] = {}


def remember(run: Run) -> None:
    """Add a run that has ended; said twice, the later account counts."""
    with _lock:
        _runs[run.id] = run
        if len(_runs) > _MOST:
            del _runs[next(iter(_runs))]


def recent() -> list[Run]:
    """The last runs, in the order they ended."""
    with _lock:
        return list(_runs.values())
