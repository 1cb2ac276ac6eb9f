"""Everything about a running emulator that can change: settings, scripted faults, the request log."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.adapter import adapter_of, provider_names
from imagegen_nb.emulator.batch_desk import BatchDesk
from imagegen_nb.emulator.faults import OK, Fault, FaultKind
from imagegen_nb.emulator.responses import HostedImages

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-goog-api-key", "x-api-key", "api-key", "cookie"}
)

_LONGEST_TEXT: Final = 100_000
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One generation request, as it arrived.

    path: without the query, where Google allows a key. model: as asked for, None when absent.
    body: the parsed JSON, None when it was none; very long texts are cut short. headers: lower-case names;
    secrets as ``sha256:ab12cd34``.
    fault: the kind of the scripted entry it took (``ok`` when the queue was empty). at: monotonic seconds.
    """

    provider: str
    method: str
    path: str
    model: str | None
    body: Any
    headers: dict[str, str]
    fault: FaultKind
    at: float

    def to_json(self) -> dict[str, Any]:
        """The same, as a JSON object."""
        return asdict(self)


def fingerprint(secret: str) -> str:
    """A short hash in place of `secret`: tells keys apart, reveals none."""
    return "sha256:" + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def loggable_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Header names in lower case, secret values fingerprinted; repeated names joined by a comma."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        shown = fingerprint(value) if lower in _SECRET_HEADERS else value
        merged[lower] = f"{merged[lower]}, {shown}" if lower in merged else shown
    return merged


def loggable_body(body: Any) -> Any:
    """Parsed JSON with its very long texts, which are pictures, cut short: the log is kept to the end."""
    if isinstance(body, str) and len(body) > _LONGEST_TEXT:
        return f"{body[:_SHOWN]}… ({len(body):,} characters)"
    if isinstance(body, dict):
        return {name: loggable_body(value) for name, value in body.items()}
    return [loggable_body(value) for value in body] if isinstance(body, list) else body


class State:
    """Shared by the server's thread and the caller's; every method is safe from any thread."""

    def __init__(self, latency: float = 0.0, *, retired: bool = False) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Fault]] = {name: deque() for name in provider_names()}
        self._log: list[LoggedRequest] = []
        self.images = HostedImages()
        self.batches = BatchDesk()
        self._latency = 0.0
        self.latency = latency
        self.retired = retired

    @property
    def latency(self) -> float:
        """Seconds every generation request waits for its response; for a stream, spread over the events."""
        return self._latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"latency must be a finite number of seconds, 0 or more, not {seconds!r}")
        self._latency = float(seconds)

    def script(self, provider: str, *faults: Fault) -> None:
        """Append `faults` to the provider's queue; all of them or, on ValueError, none."""
        adapter = adapter_of(provider)
        for fault in faults:
            adapter.check_scriptable(fault)
        with self._lock:
            self._queues[provider].extend(faults)

    def next_fault(self, provider: str) -> Fault:
        """Take the next scripted entry, `OK` when there is none."""
        with self._lock:
            queue = self._queues[provider]
            return queue.popleft() if queue else OK

    def queued(self) -> dict[str, int]:
        """How many scripted entries wait, by provider."""
        with self._lock:
            return {name: len(queue) for name, queue in self._queues.items()}

    def log(self, request: LoggedRequest) -> None:
        """Append to the request log."""
        with self._lock:
            self._log.append(request)

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """The log so far, oldest first."""
        with self._lock:
            return tuple(self._log)

    def clear_requests(self) -> None:
        """Empty the log."""
        with self._lock:
            self._log.clear()

    def clear_faults(self) -> None:
        """Empty every queue."""
        with self._lock:
            for queue in self._queues.values():
                queue.clear()
