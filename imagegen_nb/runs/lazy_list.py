"""What is read from the store as somebody goes through it, and can be indexed all the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar, overload

from imagegen_nb.errors import InvalidOption

ItemT = TypeVar("ItemT")


class LazyList(Generic[ItemT]):
    """Mixed into what can be gone through more than once; whoever has a shorter way to its length says so.

    `list(it)` asks for the length first, and reads all twice where there is none: `list(iter(it))` does not.
    """

    def __iter__(self) -> Iterator[ItemT]:
        raise NotImplementedError

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)  # one is enough

    @overload
    def __getitem__(self, place: int) -> ItemT: ...

    @overload
    def __getitem__(self, place: slice) -> list[ItemT]: ...

    def __getitem__(self, place: int | slice) -> ItemT | list[ItemT]:
        if isinstance(place, slice):
            if any(bound is not None and bound < 0 for bound in (place.start, place.stop, place.step)):
                return list(iter(self))[place]
            return list(islice(self, place.start, place.stop, place.step))
        if not isinstance(place, int):
            raise InvalidOption(f"[{place!r}]: give a position, such as [0] for the first")
        if place < 0:
            return list(iter(self))[place]
        for item in islice(self, place, None):
            return item
        raise IndexError(f"there are fewer than {place + 1} such runs")
