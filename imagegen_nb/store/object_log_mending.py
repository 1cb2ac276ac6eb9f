"""The log of an object store read past what is damaged, and mended: entries stand in it and in segments.

A full segment holds the bytes of its 64 entries. So an entry that was lost or damaged is written again out of
its segment, and a segment out of its entries. The entries themselves win over a segment that says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from imagegen_nb.errors import StoreError
from imagegen_nb.store.object_client import Objects
from imagegen_nb.store.object_documents import LARGEST, Entry, load
from imagegen_nb.store.object_log import LOG, SEGMENT, SEGMENTS, key_of
from imagegen_nb.store.object_view import View

_NOTHING = Entry(key="", owner="", changes=())
_REBUILD = "build it again"
_NUMBER = re.compile(r"\w+/(\d{12})\.jsonl?")


@dataclass(slots=True)
class LogState:
    """What the readable part of a log says, what is wrong with the rest, and whether all of it `is_whole` in
    one of the two copies."""

    view: View = field(default_factory=View)
    problems: list[str] = field(default_factory=list)
    is_whole: bool = True


def read(objects: Objects, *, quick: bool = False, mend: bool = False) -> LogState:
    """The log of a store, one segment's entries in memory at a time. Raises `StoreError`.

    `quick` reads no entries that a whole segment holds; `mend` writes again what is lost or damaged.
    """
    state = LogState()
    segments = _numbers(objects, SEGMENTS)
    entries = _numbers(objects, LOG)
    last = max([0, *entries, *(number * SEGMENT for number in segments)])
    for number in range(1, -(-last // SEGMENT) + 1):
        _Part(objects, state, number, last, entries).read(number in segments, quick=quick, mend=mend)
    return state


class _Part:
    """The entries of one segment, and the segment, which the last part has not yet."""

    def __init__(self, objects: Objects, state: LogState, number: int, last: int, entries: set[int]) -> None:
        self._objects = objects
        self._state = state
        self._key = key_of(SEGMENTS, number, ".jsonl")
        first = (number - 1) * SEGMENT + 1
        self._numbers = range(first, min(first + SEGMENT, last + 1))
        self._entries = entries

    def read(self, is_there: bool, *, quick: bool, mend: bool) -> None:
        """Apply the entries, and say what is wrong. A segment that is not there yet is no problem."""
        copy = self._segment() if is_there else None
        found = copy if copy and quick else self._read_entries(copy, mend=mend)
        is_whole = len(found) == SEGMENT and all(found)
        if mend and is_whole and found != copy:
            self._objects.write(self._key, b"\n".join(found), "application/jsonl")
        elif is_there and found != copy:
            remedy = _REBUILD if is_whole else "what it should hold is not all in the log either"
            self._state.problems.append(f"{self._key} is damaged: {remedy}")
        for data in filter(None, found):
            self._state.view.apply(self._loaded(data) or _NOTHING)

    def _segment(self) -> list[bytes] | None:
        """The entries out of the segment; None where any cannot be read."""
        lines = (self._objects.read(self._key, LARGEST * SEGMENT) or b"").split(b"\n")
        is_whole = len(lines) == SEGMENT and all(self._loaded(line) for line in lines)
        return lines if is_whole else None

    def _read_entries(self, copy: list[bytes] | None, *, mend: bool) -> list[bytes]:
        """The entries, each out of the log or else out of the segment; empty where neither has it."""
        keys = [key_of(LOG, number) for number in self._numbers if number in self._entries]
        single = dict(zip(keys, self._objects.read_all(keys, LARGEST), strict=True))
        found = list[bytes]()
        for place, number in enumerate(self._numbers):
            data = single.get(key_of(LOG, number)) or b""
            if not self._loaded(data):
                data = self._second_copy(number, copy[place] if copy else b"", mend=mend)
            found.append(data)
        return found

    def _second_copy(self, number: int, copy: bytes, *, mend: bool) -> bytes:
        """What the segment has of an entry that cannot be read."""
        key = key_of(LOG, number)
        what = "is damaged" if number in self._entries else "is missing"
        if not copy:
            self._state.is_whole = False
            remedy = "no segment has it: restore it from a version or a copy of the bucket"
            self._state.problems.append(f"{key} {what}, and {remedy}")
        elif mend:
            self._objects.write(key, copy)
        else:
            self._state.problems.append(f"{key} {what}, but its segment has it: {_REBUILD}")
        return copy

    def _loaded(self, data: bytes) -> Entry | None:
        with suppress(StoreError):
            return load(data, "", self._objects.address) if data else None
        return None


def _numbers(objects: Objects, folder: str) -> set[int]:
    """The numbers of what lies in a folder, without what is not the store's own."""
    return set(_numbered(objects, folder))


def _numbered(objects: Objects, folder: str) -> Iterator[int]:
    for found in objects.listed(folder):
        if own := _NUMBER.fullmatch(found.key):
            yield int(own[1])
