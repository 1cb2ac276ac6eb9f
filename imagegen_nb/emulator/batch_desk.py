"""Uploaded files and batches of requests, as plain values that a test can look at and steer."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from imagegen_nb.emulator.faults import BEFORE_VALIDATION, OK, Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Call = Literal["upload", "create", "list", "look", "cancel", "download"]
"""What a batch is asked for; each can be scripted to fail. Where a provider gives results by pages and not as
a file, a page of them is a download."""
CALLS: Final[tuple[Call, ...]] = get_args(Call)
Ending = Literal["completed", "failed", "expired", "cancelled"]
ENDINGS: Final[tuple[Ending, ...]] = get_args(Ending)

#: What can be scripted for a call; the other kinds change a generation, and so belong to a batch's requests.
CALL_FAULTS: Final = BEFORE_VALIDATION | frozenset[FaultKind](
    {"ok", "delay", "cut", "drip", "truncated_json", "gzip"}
)


@dataclass(slots=True)
class Line:
    """One request of a batch. `fault` is what happens to it; `carried_out` says whether it was.

    refused: whether its answer is an error. images: how many of its images are paid for. metadata: what its
    user attached to it (Gemini). repetition: how many equal requests came before it.
    """

    key: str
    body: Any
    fault: Fault = OK
    carried_out: bool = False
    refused: bool = False
    images: int = 0
    metadata: Any = None
    repetition: int = 0


@dataclass(slots=True)
class Batch:
    """A batch: `name` is its user's, `headers` those it was created with, `created` Unix time in seconds.

    `ending` is None until it has ended. `problem` is why it failed as a whole, `errors` the provider's own
    account of that. looks: how often it was looked at. deleted: which of its files are.
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
    errors: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0
    deleted: set[str] = field(default_factory=set)

    @property
    def is_invalid(self) -> bool:
        """Whether nothing of it is carried out, because of what was uploaded."""
        return bool(self.problem or self.errors)

    def count(self, *, done: bool) -> int:
        """How many requests were carried out, or were not."""
        return sum(line.carried_out is done for line in self.lines)

    @property
    def succeeded(self) -> int:
        """How many requests have an answer that is no error."""
        return sum(line.carried_out and not line.refused for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """What a test in another process may want to know."""
        return {
            "id": self.id,
            "provider": self.provider,
            "name": self.name,
            "model": self.model,
            "ending": self.ending,
            "requests": len(self.lines),
            "carried_out": self.count(done=True),
            "succeeded": self.succeeded,
            "images_paid": sum(line.images for line in self.lines),
        }


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded file; `len` is its size in bytes, `created` Unix time in seconds."""

    provider: str
    content: bytes
    name: str
    media_type: str
    created: int = field(default_factory=lambda: int(time.time()))

    def __len__(self) -> int:
        return len(self.content)


class BatchDesk:
    """The files and batches of all providers; every method is safe from any thread.

    held: batches go on and on. looks: at which look at it a batch ends; the looks before see it under way.
    ending: how the next ones end, after `carried_out` of their requests (None: all of them); one that was
    cancelled has carried out as many, or none. line_that_is_no_json: whether one stands in the midst of each
    file of answers. most_inlined: with how many answers in it a batch cannot be fetched any more, where
    answers come within it (Gemini). images_paid: images by the keys of their requests, every time that they
    are made.
    """

    SETTINGS: ClassVar[dict[str, tuple[type, ...]]] = {
        "held": (bool,),
        "looks": (int,),
        "ending": (str,),
        "carried_out": (int, type(None)),
        "line_that_is_no_json": (bool,),
        "most_inlined": (int,),
    }

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Forget everything, and let batches end as usual."""
        self.files: dict[str, StoredFile] = {}
        self.batches: dict[str, Batch] = {}
        self.calls: list[tuple[str, Call]] = []
        self.images_paid: Counter[str] = Counter()
        self.held = False
        self.looks = 1
        self.ending: Ending = "completed"
        self.carried_out: int | None = None
        self.line_that_is_no_json = False
        self.most_inlined = 1000
        self._faults: dict[Call, deque[Fault]] = defaultdict(deque)

    def script(self, call: Call, *faults: Fault) -> None:
        """Let the next calls of a kind fail. `drop` and `hang` come after the call was carried out.

        Raises ValueError for an unknown call, and for a fault that calls do not have; none is scripted then.
        """
        self.script_all([(call, fault) for fault in faults])

    def script_all(self, script: Sequence[tuple[Call, Fault]]) -> None:
        """The same for several kinds of calls: all of them or, on ValueError, none."""
        for call, fault in script:
            if call not in CALLS:
                raise ValueError(f"unknown call {call!r}; known: {', '.join(CALLS)}")
            if fault.kind not in CALL_FAULTS:
                known = ", ".join(sorted(CALL_FAULTS))
                raise ValueError(f"{fault.kind} happens to requests, not to calls; these do: {known}")
        with self.lock:
            for call, fault in script:
                self._faults[call].append(fault)

    def change(self, settings: Any) -> None:
        """Change the settings that are named; all of them or, on ValueError, none."""
        if not isinstance(settings, dict) or not set(settings) <= set(self.SETTINGS):
            raise ValueError(f"expected an object with some of: {', '.join(self.SETTINGS)}")
        for name, value in settings.items():
            if type(value) not in self.SETTINGS[name]:
                raise ValueError(f"{name} cannot be {value!r}")
        if settings.get("ending", "completed") not in ENDINGS:
            raise ValueError(f"ending must be one of: {', '.join(ENDINGS)}")
        with self.lock:
            for name, value in settings.items():
                setattr(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """The settings, the batches and what was paid for, as a JSON object."""
        with self.lock:
            return {
                **{name: getattr(self, name) for name in self.SETTINGS},
                "batches": [batch.to_json() for batch in self.batches.values()],
                "images_paid": dict(self.images_paid),
            }

    def take(self, provider: str, call: Call) -> Fault:
        """Note a call, and take the fault that is scripted for it."""
        with self.lock:
            self.calls.append((provider, call))
            queue = self._faults[call]
            return queue.popleft() if queue else OK

    def keep_file(
        self, provider: str, content: bytes, name: str, media_type: str = "application/jsonl"
    ) -> str:
        """Keep a file, and return its id."""
        with self.lock:
            file_id = uuid.uuid4().hex[:24]
            self.files[file_id] = StoredFile(provider, content, name, media_type)
            return file_id

    def add(self, batch: Batch) -> Batch:
        """Keep a new batch."""
        with self.lock:
            self.batches[batch.id] = batch
            return batch

    def newest_first(self, provider: str) -> list[Batch]:
        """A provider's batches."""
        with self.lock:
            return [one for one in reversed(self.batches.values()) if one.provider == provider]

    def files_of(self, provider: str) -> list[tuple[str, StoredFile]]:
        """A provider's uploaded files with their ids, the newest first."""
        with self.lock:
            return [(name, one) for name, one in reversed(self.files.items()) if one.provider == provider]

    def count(self, call: Call) -> int:
        """How often something was asked for."""
        with self.lock:
            return sum(one == call for _, one in self.calls)

    def pay(self, keys: Iterable[tuple[str, int]]) -> None:
        """Count images that were made, by the keys of their requests."""
        with self.lock:
            for key, images in keys:
                self.images_paid[key] += images
