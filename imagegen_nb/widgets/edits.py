"""Edits of forms: one at a time, and told from what is written into their fields.

JupyterLab's messages may come on a thread of their own while a cell runs (a subshell of ipykernel 7), and
runs end on others: somebody may type while code sets the step, or while a field is written anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

one_at_a_time = threading.RLock()
"""Held during an edit, by somebody or by code. One for all forms: an edit of one may go on to others. It is
taken before any other lock, so nothing that holds another may wait for it."""


class Writing:
    """What a thread writes into a trait is no entry: its observer asks whether it is called for that."""

    def __init__(self) -> None:
        self._threads = threading.local()

    @contextmanager
    def here(self) -> Iterator[None]:
        """This thread writes in here; entries on others are entries all the same."""
        before = self.is_here
        self._threads.is_here = True
        try:
            yield
        finally:
            self._threads.is_here = before

    @property
    def is_here(self) -> bool:
        """Whether this thread writes."""
        return getattr(self._threads, "is_here", False)
