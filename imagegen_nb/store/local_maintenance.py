"""Maintenance of a folder: rows, manifests and files compared, the index built again, files deleted."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from imagegen_nb.core.atomic_files import NOT_READABLE, explain, explain_writing
from imagegen_nb.errors import StoreError
from imagegen_nb.store import manifests, recovery
from imagegen_nb.store.base import AssetRecord, LedgerEntry, store_error
from imagegen_nb.store.database import Database
from imagegen_nb.store.maintainable import (
    MAY_NOT_BE_READ,
    Contents,
    Unused,
    content_problem,
    length_problem,
    under_way,
    unused_files,
)
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.paths import MANIFEST_SUFFIX, StorePaths
from imagegen_nb.store.tables import Tables

_SMALL = 1 << 18
"""Bytes of an image that is read whole."""


class LocalMaintenance:
    """One look after a folder. What is unused may be deleted at once: locks tell who writes, and no clock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._paths = database.paths
        self._manifests = (
            manifests.Cache()
        )  # they are looked at several times, each in a transaction of its own

    def exists(self) -> bool:
        """Whether any part of a store is there: a folder alone may be of something else, such as a cassette,
        and looking would make an index in it."""
        paths = self._paths
        parts = (paths.manifests.glob(f"*{MANIFEST_SUFFIX}"), paths.blobs.glob("??/*"))
        try:
            return paths.database.exists() or any(next(part, None) is not None for part in parts)
        except OSError as error:
            reason = NOT_READABLE if error.errno == errno.EACCES else explain(error)
        raise store_error(f"cannot look into {paths.folder}", reason)

    def read(self, *, quick: bool) -> Contents:
        """Each row, each manifest, and where they differ."""
        contents, by_name = Contents(read_only=not self._paths.may_be_written), dict[str, Manifest]()
        opinions, closed = list[str](), self._paths.unreadable
        is_recovered = not contents.read_only
        try:
            try:
                recovery.recover(self._database)
            except StoreError as error:
                if not error.outside:
                    raise
                contents.problems.append(str(error))  # what stands in the index can be read all the same
                is_recovered = contents.can_be_mended = False
            # A transaction keeps writers out: a manifest is written a moment before its row.
            with self._database.transaction() if is_recovered else self._database.snapshot() as tables:
                contents.problems += tables.integrity_problems()
                contents.records, contents.runs = tuple(tables.assets()), tuple(tables.runs())
                by_name, damaged = self._read_manifests(closed)
                used = tables.used_bytes()
                if is_recovered and not closed:
                    tables.opinions.read_files()
                if not closed:
                    opinions = tables.opinions.disagreements()
        except StoreError as error:
            contents.problems.append(str(error))
            contents.is_whole, contents.can_be_mended = False, not error.outside
            by_name, damaged = self._read_manifests(closed)
        else:
            # What cannot be looked at would seem to be missing, and an end that waits for room to be wrong.
            if not closed and (is_recovered or contents.read_only):
                contents.problems += [*_disagreements(contents, by_name.values(), used), *opinions]
        contents.problems += damaged
        contents.unreadable = [f"this user may not look into {folder}" for folder in closed]
        contents.is_whole &= not closed and (is_recovered or contents.read_only)
        links = sorted(_links(self._paths))
        contents.problems += [f"{path} is a link, which leads out of the store" for path in links]
        contents.named = self._named(contents.records, by_name.values())
        return contents

    def broken(self, records: Sequence[AssetRecord], *, quick: bool) -> Iterator[str]:
        """What is wrong with each record's file."""
        return (_blob_problem(self._paths, record, quick=quick) for record in records)

    def unused(self, named: AbstractSet[str]) -> Unused:
        """Files that nothing names."""
        return Unused(removable=tuple(unused_files(self._files(), named)))

    def mend(self) -> None:
        """Build the database anew from the manifests, and put the old one aside.

        Where a manifest is missing it is written first, from the old database if that can be read.
        """
        self._refuse_what_is_closed("the index was left as it was")
        unwritten: OSError | None = None
        try:
            with self._database.transaction() as tables:
                try:
                    self._write_missing_manifests(tables)
                    tables.opinions.write_missing_files()
                except OSError as error:  # what only the index tells would be lost with it
                    unwritten = error
        except StoreError:
            pass  # unreadable: that is why it is rebuilt
        if unwritten is not None:
            raise store_error(
                f"cannot write down what only the index in {self._paths.folder} tells, and have left it as "
                "it was",
                explain_writing(unwritten, self._paths.folder),
            )
        self._database.rebuild(self._manifests)

    @contextmanager
    def at_rest(self) -> Iterator[Contents]:
        """What rows and manifests say, in a transaction, in which no run can begin."""
        self._refuse_what_is_closed("nothing was deleted")
        recovery.recover(self._database)
        with self._database.transaction() as tables:
            if runs := len(tables.runs_under_way()):
                raise under_way(runs)
            records = tuple(tables.assets())
            by_name, unreadable = manifests.read_all(self._paths, self._manifests)
            problems = tables.integrity_problems() + unreadable
            named = self._named(records, by_name.values())
            yield Contents(records=records, named=named, problems=problems)

    def remove(self, names: Sequence[str]) -> tuple[str, ...]:
        """Delete files. Raises OSError, which ends the transaction."""
        for name in names:
            (self._paths.folder / name).unlink(missing_ok=True)
        return tuple(names)

    @property
    def requests(self) -> Mapping[str, int]:
        """Nobody is asked."""
        return {}

    def _read_manifests(self, closed: Sequence[Path]) -> tuple[dict[str, Manifest], list[str]]:
        """All that can be read, and what is wrong with the others; none where this user may not look."""
        if self._paths.manifests in closed:
            return {}, []
        return manifests.read_all(self._paths, self._manifests)

    def _refuse_what_is_closed(self, what: str) -> None:
        """Raises `StoreError` where this user may not look at a part of what is to be kept."""
        for folder in self._paths.unreadable:
            raise store_error(f"{what}: {folder}", NOT_READABLE)

    def _named(self, records: Iterable[AssetRecord], by_name: Iterable[Manifest]) -> set[str]:
        """The files of all images that the database or a manifest names."""
        named = {(asset.sha256, asset.file_type) for asset in records}
        named |= {(asset.sha256, asset.file_type) for manifest in by_name for asset in manifest.assets}
        return {self._paths.blob_name(digest, media_type) for digest, media_type in named}

    def _files(self) -> Iterator[str]:
        """All files in the store's own folders by their path in it, without following links: what they lead
        to is not the store's."""
        paths = self._paths
        for folder in (paths.blobs, paths.manifests, *paths.opinions, paths.thumbnails):
            if folder.is_symlink():
                continue
            for parent, folders, names in os.walk(folder):
                folders.sort()
                inside = Path(parent).relative_to(paths.folder).as_posix()
                yield from (f"{inside}/{name}" for name in sorted(names))

    def _write_missing_manifests(self, tables: Tables) -> None:
        """Write manifests that are missing or damaged. One that can be read wins over a database in doubt."""
        by_name, _ = manifests.read_all(self._paths, self._manifests)
        known = {asset.run_id for manifest in by_name.values() for asset in manifest.assets} | by_name.keys()
        for run_id in sorted(tables.run_ids() - known):
            assets = tuple(tables.assets("WHERE run_id = ?", (run_id,)))
            if any(_blob_problem(self._paths, asset) for asset in assets):
                continue
            run = next(iter(tables.runs("WHERE run_id = ?", (run_id,))), None)
            manifest = Manifest(
                run=run,
                run_order=tables.put_run(run) if run else 0,
                assets=assets,
                asset_order=tables.asset_order(assets[0]) if assets else 0,
            )
            manifests.write(self._paths, run_id if run else uuid4().hex, manifest)


def _disagreements(contents: Contents, by_name: Iterable[Manifest], used: int) -> Iterator[str]:
    """Where the database and the manifests differ."""
    in_database: Mapping[str, AssetRecord | LedgerEntry]
    in_manifests: Mapping[str, AssetRecord | LedgerEntry]
    by_name = list(by_name)
    comparisons = (
        (
            "image",
            {asset.id: asset for asset in contents.records},
            {asset.id: asset for manifest in by_name for asset in manifest.assets},
        ),
        (
            "run",
            {run.run_id: run for run in contents.runs},
            {manifest.run.run_id: manifest.run for manifest in by_name if manifest.run is not None},
        ),
    )
    for what, in_database, in_manifests in comparisons:
        both = in_database.keys() | in_manifests.keys()
        for name in sorted(name for name in both if in_database.get(name) != in_manifests.get(name)):
            if name not in in_manifests:
                yield f"{what} {name} has no manifest: the index could not be built again with it"
            elif name not in in_database:
                yield f"{what} {name} is missing from the index: build it again"
            else:
                yield f"{what} {name}: the index and its manifest differ: build the index again"
    if used != sum(record.file_size for record in contents.records):
        yield f"the index counts {used:,} bytes, which is not the sum of its records: build it again"


def _blob_problem(paths: StorePaths, record: AssetRecord, *, quick: bool = False) -> str:
    """What is wrong with a record's file; empty when nothing is."""
    try:
        path = f"{paths.folder}{os.sep}{paths.blob_name(record.sha256, record.file_type)}"
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            problem = length_problem(os.fstat(file.fileno()).st_size, record)
            if problem or quick:
                return problem
            # The second makes a buffer of a quarter megabyte each time.
            is_small = record.file_size <= _SMALL
            digest = hashlib.sha256(file.read()) if is_small else hashlib.file_digest(file, "sha256")
    except PermissionError:
        return MAY_NOT_BE_READ
    except OSError as error:
        return f"its bytes cannot be read: {explain(error)}"
    return content_problem(digest.hexdigest(), record)


def _links(paths: StorePaths) -> Iterator[Path]:
    own = (paths.blobs, paths.thumbnails, paths.manifests, *paths.opinions, paths.locks)
    for folder in own:
        if folder.is_symlink():
            yield folder
        yield from _links_in(folder)


def _links_in(folder: str | Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    yield from (Path(entry.path) for entry in found if entry.is_symlink())
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _links_in(entry.path)
