"""Everything about a running emulator that can change: settings, scripted faults, the request log."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from imagegen_nb.emulator.faults import OK, PROVIDERS, Fault, Provider, check_scriptable

if TYPE_CHECKING:
    from imagegen_nb.emulator.log import LoggedRequest

#: How many pictures stay downloadable by URL; the oldest go first, like a provider's temporary links.
SHELF_SIZE: Final = 64


class State:
    """Shared by the server's thread and the caller's; every method is safe from any thread."""

    def __init__(self, latency: float = 0.0, *, retired: bool = False) -> None:
        self._lock = threading.Lock()
        self._queues: dict[Provider, deque[Fault]] = {name: deque() for name in PROVIDERS}
        self._log: list[LoggedRequest] = []
        self._shelf: OrderedDict[str, bytes] = OrderedDict()
        self._latency = 0.0
        self.latency = latency
        self.retired = retired

    @property
    def latency(self) -> float:
        """Seconds every generation request waits before its answer; for a stream, spread over the events."""
        return self._latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"latency must be a finite number of seconds, 0 or more, not {seconds!r}")
        self._latency = float(seconds)

    def script(self, provider: Provider, *faults: Fault) -> None:
        """Append `faults` to the provider's queue; all of them or, on ValueError, none."""
        for fault in faults:
            check_scriptable(provider, fault)
        with self._lock:
            self._queues[provider].extend(faults)

    def next_fault(self, provider: Provider) -> Fault:
        """Take the next scripted entry, `OK` when there is none."""
        with self._lock:
            queue = self._queues[provider]
            return queue.popleft() if queue else OK

    def queued(self) -> dict[str, int]:
        """How many entries wait, by provider."""
        with self._lock:
            return {name: len(queue) for name, queue in self._queues.items()}

    def record(self, request: LoggedRequest) -> None:
        """Append to the log."""
        with self._lock:
            self._log.append(request)

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """The log so far, oldest first."""
        with self._lock:
            return tuple(self._log)

    def clear_requests(self) -> None:
        """Forget the log."""
        with self._lock:
            self._log.clear()

    def clear_faults(self) -> None:
        """Empty every queue."""
        with self._lock:
            for queue in self._queues.values():
                queue.clear()

    def shelve(self, content: bytes) -> str:
        """Keep a picture downloadable; returns its name, the same for the same bytes."""
        name = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            self._shelf[name] = content
            self._shelf.move_to_end(name)
            while len(self._shelf) > SHELF_SIZE:
                self._shelf.popitem(last=False)
        return name

    def shelved(self, name: str) -> bytes | None:
        """The picture of that name, None when it was never made or has expired."""
        with self._lock:
            return self._shelf.get(name)
