"""Maintenance of a store: check it, rebuild its database, delete files that nothing refers to."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import StoreError
from imagegen_nb.store import manifests, recovery
from imagegen_nb.store.base import AssetRecord, LedgerEntry
from imagegen_nb.store.database import Tables
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.paths import StorePaths

_SMALL = 1 << 18
"""Bytes of an image that is read whole."""
_OWN_FILE = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)|\.[0-9a-f]{32}\.tmp")
"""Names of images and of temporary files. Others are the user's own."""
_OWN_THUMBNAIL = re.compile(r"([0-9a-f]{64})\.[A-Za-z0-9_-]+\.webp|\.[0-9a-f]{32}\.tmp")


@dataclass(slots=True, kw_only=True)
class Report:
    """What a store holds, and all that is wrong with it. `runs` is the ledger.

    `orphans` are files that nothing refers to, by their path in the store. They do no harm.
    """

    records: tuple[AssetRecord, ...] = ()
    runs: tuple[LedgerEntry, ...] = ()
    orphans: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    @property
    def interrupted(self) -> tuple[LedgerEntry, ...]:
        """The runs that ended while a request may have been under way."""
        return tuple(run for run in self.runs if run.state == "interrupted")

    @property
    def under_way(self) -> int:
        """How many runs some process is carrying out."""
        return sum(run.state == "calling" for run in self.runs)


def check(store: LocalStore) -> Report:
    """Read everything and compare it: each row, each manifest, and each image by its length and SHA-256."""
    return _check(store, manifests.Cache())


def _check(store: LocalStore, cache: manifests.Cache) -> Report:
    report = Report()
    by_name: dict[str, Manifest] = {}
    try:
        recovery.recover(store.database)
        # A transaction keeps writers out: a manifest is written a moment before its row.
        with store.database.transaction() as tables:
            report.problems += tables.integrity_problems()
            report.records = tuple(tables.assets())
            report.runs = tuple(tables.runs())
            by_name, unreadable = manifests.read_all(store.paths, cache)
            used = tables.used_bytes()
            tables.opinions.read_files()
            opinions = tables.opinions.disagreements()
    except StoreError as error:
        report.problems.append(str(error))
        by_name, unreadable = manifests.read_all(store.paths, cache)
    else:
        report.problems += [*_disagreements(report, by_name, used), *opinions]
    report.problems += unreadable
    report.problems += _broken_images(store.paths, report.records)
    report.problems += [f"{path} is a link, which leads out of the store" for path in _links(store.paths)]
    report.orphans = tuple(_orphans(store.paths, _referenced_blobs(store.paths, report.records, by_name)))
    return report


def rebuild(store: LocalStore) -> Report:
    """Build the database anew from the manifests, put the old one aside, and check the result.

    Where a manifest is missing it is written first, from the old database if that can be read. Raises
    `StoreError`.
    """
    cache = manifests.Cache()  # three times, each in a transaction of its own, they have to be looked at
    try:
        with store.database.transaction() as tables:
            _write_missing_manifests(store.paths, tables, cache)
            tables.opinions.write_missing_files()
    except StoreError:
        pass  # unreadable: that is why it is rebuilt
    store.database.rebuild(cache)
    return _check(store, cache)


def gc(store: LocalStore) -> tuple[str, ...]:
    """Delete images without a record and temporary files, and return their paths in the store.

    Raises `StoreError` while a run is under way, whose images have no records yet, and for a damaged store,
    where what the damaged part refers to would look unused.
    """
    recovery.recover(store.database)
    with store.database.transaction() as tables:  # no run can begin meanwhile
        under_way = len(tables.runs_under_way())
        if under_way:
            raise StoreError(
                f"nothing was deleted: runs are under way ({under_way}), whose images have no records yet. "
                "Try again when they are done"
            )
        records = tuple(tables.assets())
        by_name, unreadable = manifests.read_all(store.paths)
        problems = tables.integrity_problems() + unreadable
        if problems:
            raise StoreError(f"nothing was deleted: {problems[0]}. Look at it with: imagegen-nb store check")
        removed = tuple(_orphans(store.paths, _referenced_blobs(store.paths, records, by_name)))
        for name in removed:
            (store.folder / name).unlink(missing_ok=True)
    return removed


def _disagreements(report: Report, by_name: dict[str, Manifest], used: int) -> Iterator[str]:
    """Where the database and the manifests differ."""
    comparisons = (
        (
            "image",
            {asset.id: asset for asset in report.records},
            {asset.id: asset for manifest in by_name.values() for asset in manifest.assets},
        ),
        (
            "run",
            {run.run_id: run for run in report.runs},
            {manifest.run.run_id: manifest.run for manifest in by_name.values() if manifest.run is not None},
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
    if used != sum(record.file_size for record in report.records):
        yield f"the index counts {used:,} bytes, which is not the sum of its records: build it again"


def _broken_images(paths: StorePaths, records: tuple[AssetRecord, ...]) -> Iterator[str]:
    """The records whose bytes are not what they say; each file is read once."""
    problem_by_url: dict[str, str] = {}
    for record in records:
        url = record.file_url
        if url not in problem_by_url:
            problem_by_url[url] = _blob_problem(paths, record)
        if problem_by_url[url]:
            yield f"image {record.id} ({record.file_name}): {problem_by_url[url]}"


def _blob_problem(paths: StorePaths, record: AssetRecord) -> str:
    """What is wrong with a record's file; empty when nothing is."""
    try:
        path = f"{paths.folder}{os.sep}{paths.blob_name(record.sha256, record.file_type)}"
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            # The second makes a buffer of a quarter megabyte each time.
            digest = hashlib.sha256(file.read()) if size <= _SMALL else hashlib.file_digest(file, "sha256")
            same = digest.hexdigest() == record.sha256
    except OSError as error:
        return f"its bytes cannot be read: {explain(error)}"
    if size != record.file_size:
        return f"it has {size:,} bytes instead of {record.file_size:,}"
    return "" if same else "its bytes are not those that were stored"


def _referenced_blobs(
    paths: StorePaths, records: tuple[AssetRecord, ...], by_name: dict[str, Manifest]
) -> set[str]:
    """The files of all images that the database or a manifest names."""
    named = {(asset.sha256, asset.file_type) for asset in records}
    named |= {(asset.sha256, asset.file_type) for manifest in by_name.values() for asset in manifest.assets}
    return {paths.blob_name(digest, media_type) for digest, media_type in named}


def _orphans(paths: StorePaths, referenced: set[str]) -> Iterator[str]:
    """The store's own files that nothing refers to: images, their thumbnails, and temporary files left by a
    kill."""
    for folder in (paths.blobs, paths.manifests, *paths.opinions):
        for name in _files(paths, folder):
            if name not in referenced and _OWN_FILE.fullmatch(_last(name)):
                yield name
    digests = {_last(name).partition(".")[0] for name in referenced}
    for name in _files(paths, paths.thumbnails):
        if (own := _OWN_THUMBNAIL.fullmatch(_last(name))) and own[1] not in digests:
            yield name


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _files(paths: StorePaths, folder: Path) -> Iterator[str]:
    """All files below `folder` by their path in the store, without following links: what they lead to is not
    the store's."""
    if folder.is_symlink():
        return
    for parent, folders, names in os.walk(folder):
        folders.sort()
        inside = Path(parent).relative_to(paths.folder).as_posix()
        yield from (f"{inside}/{name}" for name in sorted(names))


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


def _write_missing_manifests(paths: StorePaths, tables: Tables, cache: manifests.Cache) -> None:
    """Write manifests that are missing or damaged. One that can be read wins over a database in doubt."""
    by_name, _ = manifests.read_all(paths, cache)
    known = {asset.run_id for manifest in by_name.values() for asset in manifest.assets} | by_name.keys()
    for run_id in sorted(tables.run_ids() - known):
        assets = tuple(tables.assets("WHERE run_id = ?", (run_id,)))
        if any(_blob_problem(paths, asset) for asset in assets):
            continue
        run = next(iter(tables.runs("WHERE run_id = ?", (run_id,))), None)
        manifest = Manifest(
            run=run,
            run_order=tables.put_run(run) if run else 0,
            assets=assets,
            asset_order=tables.asset_order(assets[0]) if assets else 0,
        )
        manifests.write(paths, run_id if run else uuid4().hex, manifest)
