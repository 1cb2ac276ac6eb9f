"""Uploaded files and batches of requests, as plain values that a test can look at and steer."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from imagegen_nb.emulator.faults import OK, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Call = Literal["upload", "create", "list", "look", "cancel", "download"]
"""What a batch is asked for; each can be scripted to fail."""
CALLS: Final[tuple[Call, ...]] = get_args(Call)
Ending = Literal["completed", "failed", "expired", "cancelled"]


@dataclass(slots=True)
class Line:
    """One request of a batch. `fault` is what happens to it; `carried_out` says whether it was."""

    key: str
    body: Any
    fault: Fault = OK
    carried_out: bool = False


@dataclass(slots=True)
class Batch:
    """A batch: `name` is its user's, `headers` those it was created with, `created` Unix time in seconds.

    `ending` is None until it has ended. `problem` is why it failed as a whole.
    """

    provider: str
    name: str
    model: str
    input_file: str
    lines: list[Line]
    headers: Mapping[str, str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:24])
    created: int = field(default_factory=lambda: int(time.time()))
    ending: Ending | None = None
    cancelling: bool = False
    problem: str = ""

    def count(self, *, done: bool) -> int:
        """How many requests were carried out, or were not."""
        return sum(line.carried_out is done for line in self.lines)


class BatchDesk:
    """The files and batches of all providers; every method is safe from any thread.

    A batch ends when it is looked at, unless `held`. `ending` says how the next ones end, after `carried_out`
    of their requests (None: all of them); one that was cancelled has carried out as many, or none.
    `images_paid` counts images by the keys of their requests, every time that they are made.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Forget everything, and let batches end as usual."""
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.calls: list[tuple[str, Call]] = []
        self.images_paid: Counter[str] = Counter()
        self.held = False
        self.ending: Ending = "completed"
        self.carried_out: int | None = None
        self.line_that_is_no_json = False
        """Whether one stands in the midst of each file of answers."""
        self._faults: dict[Call, deque[Fault]] = defaultdict(deque)

    def script(self, call: Call, *faults: Fault) -> None:
        """Let the next calls of a kind fail. `drop` and `hang` come after the call was carried out."""
        if call not in CALLS:
            raise ValueError(f"unknown call {call!r}; known: {', '.join(CALLS)}")
        with self.lock:
            self._faults[call].extend(faults)

    def take(self, provider: str, call: Call) -> Fault:
        """Note a call, and take the fault that is scripted for it."""
        with self.lock:
            self.calls.append((provider, call))
            queue = self._faults[call]
            return queue.popleft() if queue else OK

    def keep_file(self, content: bytes) -> str:
        """Keep a file, and return its id."""
        with self.lock:
            name = uuid.uuid4().hex[:24]
            self.files[name] = content
            return name

    def add(self, batch: Batch) -> Batch:
        """Keep a new batch."""
        with self.lock:
            self.batches[batch.id] = batch
            return batch

    def newest_first(self, provider: str) -> list[Batch]:
        """A provider's batches."""
        with self.lock:
            return [one for one in reversed(self.batches.values()) if one.provider == provider]

    def count(self, call: Call) -> int:
        """How often something was asked for."""
        with self.lock:
            return sum(one == call for _, one in self.calls)

    def pay(self, keys: Iterable[tuple[str, int]]) -> None:
        """Count images that were made, by the keys of their requests."""
        with self.lock:
            for key, images in keys:
                self.images_paid[key] += images
