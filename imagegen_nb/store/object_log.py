"""The log of an object store: numbered objects, each written once, which all its processes read in order.

An entry is written under the next free number, and only if nobody has: a conditional write, which the service
decides. So whoever succeeds has seen everything before it, and what is decided on what was seen (the storage
limit, a budget, who has a cell) holds for all processes. A process that was late reads what came first,
decides again, and tries the next number. Nothing is ever changed, so that a kill at any moment leaves a
whole log.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.errors import ImagegenError, StoreError
from imagegen_nb.store.object_client import Objects
from imagegen_nb.store.object_documents import LARGEST, Change, Entry, dump, load
from imagegen_nb.store.object_view import View

LOG, SEGMENTS = "log", "segments"
SEGMENT = 64
"""Entries that are written together once more, so that who opens the store reads one object for them."""
_PATIENCE = 60.0
"""Seconds to try again while others are always faster."""
_PAUSE = 0.05
_ONE_BY_ONE = 8
"""Entries that are asked for by their numbers: a list costs as much as twelve that are read."""
_FRESH = 1.0
"""Seconds for which a look at one image makes do with what was read: a gallery looks at each of them."""


class Log:
    """The log of one store, and what it says as far as it was read. `owner` is written into entries."""

    def __init__(self, objects: Objects, owner: Callable[[], str]) -> None:
        self._objects = objects
        self._owner = owner
        self._lock = ForkSafeLock()
        self._view = View()
        self._last = 0
        self._segment: list[bytes] = []
        """The entries from the last segment's end on."""
        self._read_at: float | None = None

    def look(self, *, fresh: bool = True) -> View:
        """What the log says now; without `fresh`, what it said a moment ago. Raises `StoreError`."""
        with self._lock:
            if fresh or self._read_at is None or time.monotonic() - self._read_at > _FRESH:
                self._catch_up()
            return self._view

    def known(self) -> View:
        """What was read so far, without asking anybody."""
        return self._view

    def commit(self, decide: Callable[[View], Sequence[Change]]) -> None:
        """Write what `decide` says, given what the log says at that moment; nothing for no changes.

        It may be asked several times. What it raises is raised here, and then nothing was written. Raises
        `StoreError` when it cannot be written.
        """
        deadline = time.monotonic() + _PATIENCE
        with self._lock:
            is_fresh = self._read_at is None
            if is_fresh:
                self._catch_up()
            while True:
                try:
                    changes = tuple(decide(self._view))
                except ImagegenError:
                    if is_fresh:
                        raise
                else:
                    if self._is_written(changes):
                        return
                if time.monotonic() > deadline:
                    break
                self._catch_up()
                is_fresh = True
        raise StoreError(f"cannot write to {self._objects.url}: other processes keep writing. Try again")

    def _is_written(self, changes: tuple[Change, ...]) -> bool:
        """Write the changes as the next entry; False where somebody else has written that one."""
        if not changes:
            return True
        if self._last == 0:  # before anything rests on it
            self._objects.check_conditional_writes()
        data = dump(Entry(key=uuid.uuid4().hex, owner=self._owner(), changes=changes))
        name = key_of(LOG, self._last + 1)
        if (there := self._put(name, data)) is None:
            return False
        self._take(name, there)
        if there != data:
            return False
        self._write_segment()
        return True

    def _put(self, name: str, data: bytes) -> bytes | None:
        """Write an entry where none is, and return what is there then: another one, if somebody was faster.

        One's own whose answer got lost is known by its content. None where two came at once, and the service
        took neither.
        """
        failure: StoreError | None = None
        try:
            if self._objects.create(name, data):
                return data
        except StoreError as error:
            failure = error
        try:
            there = self._objects.read(name, LARGEST)
        except StoreError:
            if failure is None:
                raise
            there = None
        if there is None and failure is not None:
            raise failure
        if there is None:
            time.sleep(_PAUSE)
        return there

    def _catch_up(self) -> None:
        """Read what has been written since."""
        if self._read_at is None:
            if self._last == 0:
                self._read_segments()
            self._read_entries()
        else:
            self._read_next()
        self._read_at = time.monotonic()

    def _read_next(self) -> None:
        """Ask for the next entries one by one, which is cheapest where there are few; then for a list."""
        for _ in range(_ONE_BY_ONE):
            name = key_of(LOG, self._last + 1)
            if (data := self._objects.read(name, LARGEST)) is None:
                return
            self._take(name, data)
        self._read_entries()

    def _read_segments(self) -> None:
        """Read what is written together; where one is missing, the log has all of it."""
        listed = self._objects.names(SEGMENTS)
        numbered = (key_of(SEGMENTS, number + 1, ".jsonl") for number in range(len(listed)))
        names = list(takewhile(set(listed).__contains__, numbered))
        for name, data in zip(names, self._objects.read_all(names, LARGEST * SEGMENT), strict=True):
            lines = (data or b"").split(b"\n")
            if len(lines) != SEGMENT:
                raise StoreError(
                    f"{name} in {self._objects.url} is damaged: remove it, the log has all of it"
                )
            for line in lines:
                self._take(name, line)

    def _read_entries(self) -> None:
        """Read the entries that a list of the log shows."""
        names = self._objects.names(LOG, after=key_of(LOG, self._last))
        expected = [key_of(LOG, self._last + 1 + number) for number in range(len(names))]
        if names != expected:
            lost = next(name for name in expected if name not in names)
            raise StoreError(f"{lost} is missing in {self._objects.url}, where later ones are: restore it")
        is_long = len(names) >= SEGMENT
        for name, data in zip(names, self._objects.read_all(names, LARGEST), strict=True):
            self._take(name, data or b"")
            if is_long:  # whoever should have written it was killed just then
                self._write_segment()

    def _take(self, name: str, data: bytes) -> None:
        """Apply the next entry."""
        self._view.apply(load(data, f"{name} in {self._objects.url}", self._objects.address))
        self._last += 1
        if len(self._segment) == SEGMENT:
            self._segment = []
        self._segment.append(data)

    def _write_segment(self) -> None:
        """Write the last entries together, where they fill a segment. It says what the log says, whoever
        writes it; where it cannot be written, readers read the entries."""
        if len(self._segment) == SEGMENT:
            with suppress(StoreError):
                name = key_of(SEGMENTS, self._last // SEGMENT, ".jsonl")
                self._objects.write(name, b"\n".join(self._segment), "application/jsonl")


def key_of(folder: str, number: int, suffix: str = ".json") -> str:
    """A key that sorts as its number does."""
    return f"{folder}/{number:012}{suffix}"
