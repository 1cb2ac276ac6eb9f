"""An event loop whose time jumps: whoever waits, for a provider or for a turn, has waited at once.

The toolkit's own loop is replaced by it, with all that runs there: sweeps, runs, rate limiter, attempts. What
the toolkit does in threads (ledger, files, pictures) is done at once on the loop, in the order in which it
was asked for, and takes no time of the loop's: so the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import os
import random
import selectors
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest import mock

from imagegen_nb.core import background_loop
from imagegen_nb.core.daemon_threads import DaemonThreads
from imagegen_nb.providers.http import rate_limiter

T = TypeVar("T")


class _Jumping(selectors.BaseSelector):
    """A selector that waits for other threads only; where a timer would be waited for, time is set to it."""

    def __init__(self, advance: Callable[[float], object]) -> None:
        self._real = selectors.DefaultSelector()
        self._advance = advance

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As any selector."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As any selector."""
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As any selector."""
        return self._real.get_map()

    def close(self) -> None:
        """As any selector."""
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; without anything, time has passed by `timeout`."""
        if timeout is None:
            return self._real.select(None)
        ready = self._real.select(0)
        if not ready and timeout > 0:
            self._advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that begins at 0 seconds, and never waits for a timer."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._pass))

    def _pass(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(self, executor: object, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Call it at once, on the loop."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited
            future.set_exception(error)
        return future


async def _at_once(_pool: DaemonThreads, function: Callable[[], T]) -> T:
    return function()


@contextmanager
def virtual_time(seed: int) -> Iterator[VirtualLoop]:
    """Let the toolkit's runs live on a virtual loop inside the block, with chance out of a seed."""
    loop = VirtualLoop()
    thread = threading.Thread(target=loop.run_forever, name="virtual-time", daemon=True)
    with ExitStack() as patches:
        for where, name, stand_in in (
            (background_loop, "_loop", loop),
            (background_loop, "_owner_pid", os.getpid()),
            (DaemonThreads, "run", _at_once),
            (rate_limiter, "clock", loop.time),
            (rate_limiter, "random", random.Random(seed)),
        ):
            patches.enter_context(mock.patch.object(where, name, stand_in))
        thread.start()
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
