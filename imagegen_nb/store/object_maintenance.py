"""Maintenance of a store below a URL: its log and segments compared, objects counted, unused ones deleted.

Nothing is deleted that somebody may be writing. An entry of the log says that files are being deleted, and is
written only while no run is under way; until the entry that ends it no run can begin, on any machine. Objects
younger than a day stay in any case, by the service's clock: a process that was taken for gone may come back
with its images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice

from imagegen_nb.errors import StoreError
from imagegen_nb.store import object_leases, object_log_mending
from imagegen_nb.store.base import AssetRecord
from imagegen_nb.store.maintainable import (
    Contents,
    Unused,
    content_problem,
    length_problem,
    under_way,
    unused_files,
)
from imagegen_nb.store.object_client import Listed, Objects
from imagegen_nb.store.object_documents import Change
from imagegen_nb.store.object_leases import LEASES, Lease
from imagegen_nb.store.object_log import LOG, SEGMENTS, Log
from imagegen_nb.store.object_view import View
from imagegen_nb.store.paths import blob_name

OLD_ENOUGH = timedelta(days=1)
"""Age of what may be deleted."""
TIDYING = "(deleting)"
"""What a lease is held for while files are deleted; no run can have this id."""
_AT_ONCE = 1000
"""Objects that are deleted before the lease is looked at again."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_GONE = "its bytes are gone"


class ObjectMaintenance:
    """One look after a store by URL: its files are listed once."""

    def __init__(self, objects: Objects, log: Log, lease: Lease, recover: Callable[[], None]) -> None:
        self._objects = objects
        self._log = log
        self._lease = lease
        self._recover = recover
        """Marks the runs of processes that are gone."""
        self._before = objects.requests.now()

    def exists(self) -> bool:
        """Whether anything of a store is there."""
        folders = (LOG, SEGMENTS, "blobs") if self._objects.may_exist else ()
        return any(next(islice(self._objects.listed(folder), 1), None) for folder in folders)

    def read(self, *, quick: bool) -> Contents:
        """What the readable part of the log says."""
        with suppress(StoreError):  # of a damaged log, or without the right to write
            self._recover()
        state = object_log_mending.read(self._objects, quick=quick)
        return _contents(state.view, state.problems, is_whole=state.is_whole)

    def broken(self, records: Sequence[AssetRecord], *, quick: bool) -> Iterator[str]:
        """By the list of all objects first; then what has the right length is read, unless it is to be
        `quick`."""
        keys = [blob_name(record.sha256, record.file_type) for record in records]
        sizes = {found.key: found.size for found in self._blobs}
        problems = [
            length_problem(sizes[key], record) if key in sizes else _GONE
            for key, record in zip(keys, records, strict=True)
        ]
        readable = [] if quick else [key for key, found in zip(keys, problems, strict=True) if not found]
        digests = self._objects.digests(readable)
        for record, problem in zip(records, problems, strict=True):
            if problem or quick:
                yield problem
            else:
                digest = next(digests)
                yield _GONE if digest is None else content_problem(digest, record)

    def unused(self, named: AbstractSet[str]) -> Unused:
        """Images and thumbnails that nothing names, and leases of processes that are gone."""
        files = {found.key: found.modified for found in (*self._blobs, *self._objects.listed("thumbnails"))}
        leases, now = self._leases()
        expired = [
            name for name, moment in leases.items() if now - moment > timedelta(seconds=object_leases.LEASE)
        ]
        files |= leases
        found = sorted([*unused_files(iter(files.keys() - leases.keys()), named), *expired])
        old = [name for name in found if now - files[name] >= OLD_ENOUGH]
        return Unused(tuple(old), tuple(sorted(set(found).difference(old))))

    def mend(self) -> None:
        """Write lost entries out of segments, and segments out of entries."""
        object_log_mending.read(self._objects, mend=True)

    @contextmanager
    def at_rest(self) -> Iterator[Contents]:
        """What the log says now. A damaged one raises."""
        self._recover()
        view = self._log.look()
        if view.owners:
            raise under_way(len(view.owners))
        yield _contents(view, [], is_whole=True)

    def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Delete what nothing names still, now that no run can begin."""
        removed = tuple[str, ...]()
        if not names:
            return removed

        def begin(view: View) -> list[Change]:
            nonlocal removed
            if view.owners:
                raise under_way(len(view.owners))
            if view.tidied_by is not None:
                raise StoreError("nothing was deleted: another process is deleting. Try again in a minute")
            named = _named(view)
            removed = tuple(name for name in names if name not in named)
            return [Change(tidying=self._lease.owner)]

        self._lease.take(TIDYING)
        try:
            self._log.commit(begin)
            try:
                self._delete(removed)
            finally:
                self._log.commit(lambda _: [Change(tidied=self._lease.owner)])
        finally:
            self._lease.drop(TIDYING)
        return removed

    def _delete(self, names: Sequence[str]) -> None:
        for at in range(0, len(names), _AT_ONCE):
            # Whoever takes this process for gone begins runs.
            if not self._lease.is_sure:
                raise StoreError(
                    f"{at:,} of {len(names):,} unused files were deleted, then the service could not be told "
                    "that this process is alive: try again"
                )
            self._objects.remove(names[at : at + _AT_ONCE])

    @property
    def requests(self) -> Mapping[str, int]:
        """What was asked since this look began."""
        return self._objects.requests.since(self._before)

    @cached_property
    def _blobs(self) -> list[Listed]:
        return list(self._objects.listed("blobs"))

    def _leases(self) -> tuple[dict[str, datetime], datetime]:
        """When each lease was renewed, and a time that is not after the service's own."""
        with suppress(StoreError):  # who may only read is not told the time: the newest object will do
            self._lease.renew()
        leases = self._objects.modified(LEASES)
        return leases, max([*leases.values(), *(found.modified for found in self._blobs)], default=_LONG_AGO)


def _contents(view: View, problems: list[str], *, is_whole: bool) -> Contents:
    return Contents(
        records=tuple(view.assets.values()),
        runs=tuple(view.runs.values()),
        named=_named(view),
        problems=problems,
        is_whole=is_whole,
    )


def _named(view: View) -> set[str]:
    return {blob_name(asset.sha256, asset.file_type) for asset in view.assets.values()}
