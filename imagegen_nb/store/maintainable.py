"""What maintenance asks of a store, whatever it is kept in: its ledger, its files, and how to remove some."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from imagegen_nb.core.atomic_files import TEMPORARY_NAME
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import AssetRecord, LedgerEntry

_OWN_FILE = re.compile(rf"[0-9a-f]{{64}}\.(png|jpg|webp)|{TEMPORARY_NAME}")
"""Names of images and of temporary files. Others are the user's own."""
_OWN_THUMBNAIL = re.compile(rf"([0-9a-f]{{64}})\.[A-Za-z0-9_-]+\.webp|{TEMPORARY_NAME}")


@dataclass(slots=True, kw_only=True)
class Contents:
    """What a store says it holds.

    `named` are the paths of all image files that anything in it names. Unless it `is_whole`, part of the
    ledger could not be read, and may name more. `problems` is what is wrong with the ledger itself, which
    `can_be_mended` by writing again what is there twice, unless it is something outside of the store.
    `unreadable` says what this user may not read, and `read_only` that they may not write.
    """

    records: tuple[AssetRecord, ...] = ()
    runs: tuple[LedgerEntry, ...] = ()
    named: set[str] = field(default_factory=set)
    is_whole: bool = True
    problems: list[str] = field(default_factory=list)
    can_be_mended: bool = True
    unreadable: list[str] = field(default_factory=list)
    read_only: bool = False


class Unused(NamedTuple):
    """Files that nothing refers to, by their path in the store: those that may be removed, and those that are
    too `recent`, as somebody may just be writing what will refer to them."""

    removable: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()


class Maintenance(Protocol):
    """One look after a store. All methods raise `StoreError`."""

    def exists(self) -> bool:
        """Whether there is a store at all; nothing is made by asking."""
        ...

    def read(self, *, quick: bool) -> Contents:
        """The ledger, after runs whose process is gone were marked. What cannot be read is a problem and
        raises nothing; `quick` leaves out what is only there to mend it."""
        ...

    def broken(self, records: Sequence[AssetRecord], *, quick: bool) -> Iterator[str]:
        """For each record in turn what is wrong with its bytes, empty where nothing is. `quick` compares
        lengths and reads none."""
        ...

    def unused(self, named: AbstractSet[str]) -> Unused:
        """The store's own files that nothing refers to."""
        ...

    def mend(self) -> None:
        """Write again what the store has twice, from the copy that is whole."""
        ...

    def at_rest(self) -> AbstractContextManager[Contents]:
        """The ledger while no run is under way; raises where one is. `remove` is called inside."""
        ...

    def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Remove those of the files that are unused still, and return them. No run can begin meanwhile."""
        ...

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests of each kind were made of a service, and under `bytes` what they read."""
        ...


@runtime_checkable
class Maintainable(Protocol):
    """A store that can be looked after."""

    def maintenance(self) -> Maintenance:
        """One look after it."""
        ...


def unused_files(names: Iterator[str], named: AbstractSet[str]) -> Iterator[str]:
    """Those of a store's files that nothing refers to: images, their thumbnails, and temporary files that a
    kill left."""
    digests = {_last(name).partition(".")[0] for name in named}
    for name in names:
        if name.startswith("thumbnails/"):
            own = _OWN_THUMBNAIL.fullmatch(_last(name))
            if own and own[1] not in digests:
                yield name
        elif name not in named and _OWN_FILE.fullmatch(_last(name)):
            yield name


MAY_NOT_BE_READ = "this user may not read its bytes"
"""What is wrong with an image that is there, and cannot be looked at."""


def is_image(name: str) -> bool:
    """Whether a store's file, by its path in it, is an image, and neither a thumbnail nor a temporary one."""
    return name.startswith("blobs/") and _OWN_FILE.fullmatch(_last(name)) is not None and "/." not in name


def under_way(runs: int) -> StoreError:
    """The error for files that cannot be removed now, for the caller to raise."""
    return StoreError(
        f"nothing was deleted: runs are under way ({runs}), whose images have no records yet. "
        "Try again when they are done"
    )


def length_problem(size: int, record: AssetRecord) -> str:
    """What is wrong with a file of so many bytes; empty when that is how many there should be."""
    return "" if size == record.file_size else f"it has {size:,} bytes instead of {record.file_size:,}"


def content_problem(digest: str, record: AssetRecord) -> str:
    """What is wrong with a file of this SHA-256; empty when it is the record's."""
    return "" if digest == record.sha256 else "its bytes are not those that were stored"


def _last(name: str) -> str:
    return name.rpartition("/")[2]
