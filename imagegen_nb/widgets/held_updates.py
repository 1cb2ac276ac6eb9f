"""Several changes as one message: each message draws a page anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class HeldUpdates:
    """Calls `update` once for all that changes within `hold()`, on whatever threads: runs report from their
    own. `update` is to look at `held`, under `lock`, when anything else calls it."""

    def __init__(self, update: Callable[[], object]) -> None:
        self.lock = threading.RLock()
        self._update = update
        self._depth = 0

    @property
    def held(self) -> bool:
        """Whether an update is to wait."""
        return self._depth > 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """What changes in here is one update."""
        with self.lock:
            self._depth += 1
        try:
            yield
        finally:
            with self.lock:
                self._depth -= 1
            self._update()
