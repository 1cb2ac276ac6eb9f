"""Lets a widget's messages go out from any thread.

Jupyter takes them from all threads. marimo takes them from the session's own thread and from those that were
started as `marimo.Thread`: there, messages of other threads are handed to one of these.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

_Send = Callable[[], object]
_LOOK_AROUND = 1.0
"""Seconds after which the thread looks whether its cell was run again."""

_of_thread = threading.local()


class Delivered:
    """Mixed into a widget's class: what the widget sends goes out from any thread."""

    def __init__(self, *args: Any, **traits: Any) -> None:
        self._page_thread = page_thread()
        super().__init__(*args, **traits)

    def _send(self, message: Any, buffers: Any = None) -> None:
        send = partial(super()._send, message, buffers)  # type: ignore[misc]  # of ipywidgets.Widget
        if self._page_thread is None:
            send()
        else:
            self._page_thread.deliver(send)


class PageThread:
    """The thread that sends for the widgets made in one thread of marimo."""

    def __init__(self) -> None:
        self._home = threading.get_ident()
        self._waiting: queue.SimpleQueue[_Send] = queue.SimpleQueue()
        self._thread = sys.modules["marimo"].Thread(target=self._work, daemon=True, name="imagegen-pages")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still sends: marimo ends it when the cell is run again."""
        return bool(self._thread.is_alive() and not self._thread.should_exit)

    def deliver(self, send: _Send) -> None:
        """Call `send` where it is heard: here, or a moment later."""
        if threading.get_ident() == self._home or not self.alive:
            send()
        else:
            self._waiting.put(send)

    def _work(self) -> None:
        while not self._thread.should_exit:
            # A page that is gone is no reason to send nothing to the others.
            with suppress(Exception):
                self._waiting.get(timeout=_LOOK_AROUND)()


def page_thread() -> PageThread | None:
    """The one for widgets made in this thread; None where messages go out from all threads."""
    marimo = sys.modules.get("marimo")
    if marimo is None or not marimo.running_in_notebook():
        return None
    found: PageThread | None = getattr(_of_thread, "pages", None)
    if found is None or not found.alive:
        found = _of_thread.pages = PageThread()
    return found


@cache
def delivered(kind: type) -> type:
    """A widget's class whose messages go out from any thread."""
    return type(kind.__name__, (Delivered, kind), {})
