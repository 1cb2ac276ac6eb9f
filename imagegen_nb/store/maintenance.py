"""A store looked after: checked whole, its index built again, and what nothing refers to deleted."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import StoreError
from imagegen_nb.store import manifests, recovery, rows
from imagegen_nb.store.base import LedgerEntry, StoredAsset
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.manifests import Sidecar
from imagegen_nb.store.paths import Places

_OURS = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)|\.[0-9a-f]{32}\.tmp")
"""Names of images, and of files that are being written."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What a store holds, and all that is wrong with it. `orphans` are files nothing refers to, by their
    path in the store; they harm nobody. `runs` is the ledger."""

    records: tuple[StoredAsset, ...] = ()
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
    """Read everything and compare it: each row, each sidecar, and each image by its length and SHA-256."""
    report = Report()
    told: dict[str, Sidecar] = {}
    try:
        recovery.settle(store.index)
        # Nobody writes meanwhile: a sidecar is there a moment before its row.
        with store.index.writing() as index:
            report.problems += _damage(index)
            report.records = tuple(rows.assets(index, store.places))
            report.runs = tuple(rows.runs(index))
            told, damaged = manifests.every(store.places)
            counted = rows.used(index)
    except StoreError as error:
        report.problems.append(str(error))
        told, damaged = manifests.every(store.places)
    else:
        report.problems += _disagreements(report, told, counted)
    report.problems += damaged
    report.problems += _broken_images(store.places, report.records)
    report.problems += [f"{path} is a link, which leads out of the store" for path in _links(store.places)]
    report.orphans = tuple(_orphans(store.places, _referred_to(store.places, report.records, told)))
    return report


def rebuild(store: LocalStore) -> Report:
    """Build the index again from the sidecars, put the old one aside, and check the result.

    What only the old index tells of, because a sidecar is gone, is written down first, where it can be
    read. Raises `StoreError`.
    """
    try:
        with store.index.writing() as index:
            _complete_sidecars(store.places, index)
    except StoreError:
        pass  # it cannot be read: that is why it is built again
    store.index.supersede()
    return check(store)


def gc(store: LocalStore) -> tuple[str, ...]:
    """Delete the images without a record, and unfinished files; returns their paths in the store.

    Raises `StoreError` while a run is under way, whose images have no records yet, and for a store in which
    something is not as it should be.
    """
    recovery.settle(store.index)
    with store.index.writing() as index:  # no run can begin meanwhile
        under_way = len(rows.runs(index, "WHERE state = 'calling'"))
        if under_way:
            raise StoreError(
                f"nothing was deleted: runs are under way ({under_way}), whose images have no records yet. "
                "Try again when they are done"
            )
        records = tuple(rows.assets(index, store.places))
        told, damaged = manifests.every(store.places)
        problems = _damage(index) + damaged
        if problems:
            raise StoreError(f"nothing was deleted: {problems[0]}. Look at it with: imagegen-nb store check")
        removed = tuple(_orphans(store.places, _referred_to(store.places, records, told)))
        for name in removed:
            (store.folder / name).unlink(missing_ok=True)
    return removed


def _damage(index: sqlite3.Connection) -> list[str]:
    found = [str(row[0]) for row in index.execute("PRAGMA integrity_check(5)")]
    return [] if found == ["ok"] else [f"the index is damaged: {line}" for line in found]


def _disagreements(report: Report, told: dict[str, Sidecar], counted: int) -> Iterator[str]:
    """Where the index and the sidecars do not tell the same."""
    pairs = (
        ("image", _by_id(report.records), _by_id(asset for each in told.values() for asset in each.assets)),
        (
            "run",
            {run.run_id: run for run in report.runs},
            {each.run.run_id: each.run for each in told.values() if each.run is not None},
        ),
    )
    for what, indexed, beside in pairs:
        for name in sorted(indexed.keys() | beside.keys()):
            if name not in beside:
                yield f"{what} {name} has no sidecar: the index could not be built again with it"
            elif name not in indexed:
                yield f"{what} {name} is missing from the index: build it again"
            elif indexed[name] != beside[name]:
                yield f"{what} {name}: the index and its sidecar differ: build the index again"
    if counted != sum(record.file_size for record in report.records):
        yield f"the index counts {counted:,} bytes, which is not the sum of its records: build it again"


def _by_id(assets: Iterator[StoredAsset] | tuple[StoredAsset, ...]) -> dict[str, StoredAsset]:
    return {asset.id: asset for asset in assets}


def _broken_images(places: Places, records: tuple[StoredAsset, ...]) -> Iterator[str]:
    """The records whose bytes are not what they say; each file is read once."""
    verdicts: dict[Path, str] = {}
    for record in records:
        path = places.blob(record.sha256, record.file_type)
        if path not in verdicts:
            verdicts[path] = _verdict(path, record)
        if verdicts[path]:
            yield f"image {record.id} ({record.file_name}): {verdicts[path]}"


def _verdict(path: Path, record: StoredAsset) -> str:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            same = hashlib.file_digest(file, "sha256").hexdigest() == record.sha256
    except OSError as error:
        return f"its bytes cannot be read: {explain(error)}"
    if size != record.file_size:
        return f"it has {size:,} bytes instead of {record.file_size:,}"
    return "" if same else "its bytes are not those that were stored"


def _referred_to(places: Places, records: tuple[StoredAsset, ...], told: dict[str, Sidecar]) -> set[Path]:
    """The files of all images that the index or a sidecar knows."""
    known = [*records, *(asset for each in told.values() for asset in each.assets)]
    return {places.blob(asset.sha256, asset.file_type) for asset in known}


def _orphans(places: Places, referred_to: set[Path]) -> Iterator[str]:
    """Images nothing refers to, and what was left of files that were being written; nobody else's files."""
    for folder in (places.blobs, places.runs):
        for path in _files(folder):
            if _OURS.fullmatch(path.name) and path not in referred_to:
                yield path.relative_to(places.folder).as_posix()


def _files(folder: Path) -> Iterator[Path]:
    """All files below `folder`. No link is followed: what it leads to is not the store's."""
    if folder.is_symlink():
        return
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names))


def _links(places: Places) -> Iterator[Path]:
    for folder in (places.blobs, places.runs, places.locks):
        if folder.is_symlink():
            yield folder
        for parent, folders, names in os.walk(folder):
            found = (Path(parent, name) for name in sorted([*folders, *names]))
            yield from (path for path in found if path.is_symlink())


def _complete_sidecars(places: Places, index: sqlite3.Connection) -> None:
    """Write those that are gone or damaged. A run that has one is told of by it alone: it can be trusted
    more than an index that is not what it was."""
    told, _ = manifests.every(places)
    known = {asset.run_id for each in told.values() for asset in each.assets} | told.keys()
    ledger = {run.run_id: run for run in rows.runs(index)}
    lost = {record.run_id for record in rows.assets(index, places)} | ledger.keys()
    for run_id in sorted(lost - known):
        assets = tuple(rows.assets(index, places, "WHERE run_id = ?", (run_id,)))
        if any(_verdict(places.blob(asset.sha256, asset.file_type), asset) for asset in assets):
            continue
        run = ledger.get(run_id)
        sidecar = Sidecar(
            run=run,
            run_order=rows.put_run(index, run) if run else 0,
            assets=assets,
            asset_order=rows.order_of(index, assets[0]) if assets else 0,
        )
        manifests.write(places, run_id if run else uuid4().hex, sidecar)
