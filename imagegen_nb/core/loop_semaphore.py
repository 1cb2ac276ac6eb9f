"""How much a process does at once: as much as the files it may have open allow, and the rest waits.

Each run under way needs sockets and files. A process that starts a thousand runs would otherwise be refused
some of them in the middle, when images are paid for.
"""

from __future__ import annotations

import asyncio
import weakref

from imagegen_nb.core.open_files import soft_limit


class LoopSemaphore:
    """A semaphore of each event loop, for as many at once as the limit of open files allows.

    `most` is the number where files are plenty, `files` how many open files there have to be for each.
    """

    def __init__(self, most: int, files: int) -> None:
        self._most = most
        self._files = files
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def size(self) -> int:
        """How many it lets in at once."""
        return max(2, min(self._most, soft_limit() // self._files))

    def __call__(self) -> asyncio.Semaphore:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        if loop not in self._of_loop:
            self._of_loop[loop] = asyncio.Semaphore(self.size)
        return self._of_loop[loop]
