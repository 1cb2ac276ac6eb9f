"""A store in a folder: content-addressed files and a SQLite index, safe for several processes.

    <folder>/blobs/ab/<sha256>.webp     the bytes, written once under their hash
    <folder>/index.sqlite3              the records and a running total of their sizes

A blob is written to a temporary file, fsynced, renamed, and its folder fsynced before its row is
committed. The index uses a rollback journal with synchronous=EXTRA: of SQLite's modes it lost
nothing in power-cut tests and opens safely from several processes at once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from imagegen_nb.durable import explain, sync_folder, user_path, write_durably
from imagegen_nb.errors import AssetNotFound, StoreError
from imagegen_nb.images import EXTENSIONS
from imagegen_nb.store.base import Blob, NewAsset, Store, StoredAsset

_SCHEMA = """
CREATE TABLE IF NOT EXISTS asset (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    file_name TEXT NOT NULL,
    file_size INTEGER NOT NULL,
    file_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    emulated INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS asset_run ON asset (run_id);
CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO total VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS asset_added AFTER INSERT ON asset
    BEGIN UPDATE total SET bytes = bytes + NEW.file_size; END;
CREATE TRIGGER IF NOT EXISTS asset_removed AFTER DELETE ON asset
    BEGIN UPDATE total SET bytes = bytes - OLD.file_size; END;
"""
_VERSION = 1
_COLUMNS = tuple(field.name for field in fields(StoredAsset) if field.name != "file_url")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM asset"  # noqa: S608 - the names are this file's own
_WAIT = 60.0
"""Seconds to wait for another process that holds the index."""


_stores: weakref.WeakSet[LocalStore] = weakref.WeakSet()


class LocalStore(Store):
    """A folder of images. Several kernels may share it; `limit` is in bytes, None for no limit."""

    def __init__(self, folder: str | os.PathLike[str], limit: int | None = None) -> None:
        self.folder = user_path(folder, StoreError).absolute()
        self.limit = limit
        self._start_afresh()
        _stores.add(self)

    def _start_afresh(self) -> None:
        """Begin without a lock or a connection, also in a forked child: neither survives a fork."""
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path, int | None]]:
        return LocalStore, (self.folder, self.limit)

    def __repr__(self) -> str:
        return f"LocalStore({str(self.folder)!r}, limit={self.limit})"

    @property
    def used(self) -> int:
        with self._reading() as index:
            return int(index.execute("SELECT bytes FROM total").fetchone()[0])

    def stage(self, data: bytes, media_type: str) -> Blob:
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data), media_type)
        path = self._path(blob.sha256, media_type)
        try:
            self._make_folders(path.parent)
            if not _holds(path, blob):
                write_durably(path, data)
        except OSError as error:
            reason = explain(error)
        else:
            return blob
        raise StoreError(f"cannot write an image of {len(data):,} bytes below {self.folder}: {reason}")

    def put(self, assets: Sequence[NewAsset]) -> tuple[StoredAsset, ...]:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stored = tuple(self._stored(asset, now) for asset in assets)
        rows = [tuple(getattr(record, name) for name in _COLUMNS) for record in stored]
        marks = ", ".join("?" * len(_COLUMNS))
        with self._writing() as index:
            index.executemany(
                f"INSERT INTO asset ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - own names
                rows,
            )
        return stored

    def get(self, asset_id: str) -> StoredAsset:
        row = None
        if asset_id.isascii():  # ids are made here; SQLite cannot even be asked for a broken character
            with self._reading() as index:
                row = index.execute(f"{_SELECT} WHERE id = ?", (asset_id,)).fetchone()
        if row is None:
            raise AssetNotFound(f"no asset {asset_id!r} in {self.folder}")
        return self._record(row)

    def open(self, asset_id: str) -> BinaryIO:
        record = self.get(asset_id)
        path = self._path(record.sha256, record.file_type)
        try:
            return path.open("rb")
        except OSError as error:
            reason = explain(error)
        raise AssetNotFound(f"the bytes of asset {asset_id} are not readable at {path}: {reason}")

    def records(self, run_id: str | None = None) -> Iterator[StoredAsset]:
        where, values = (" WHERE run_id = ?", (run_id,)) if run_id else ("", ())
        with self._reading() as index:
            rows = index.execute(f"{_SELECT}{where} ORDER BY seq", values).fetchall()
        return map(self._record, rows)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _path(self, sha256: str, media_type: str) -> Path:
        return self.folder / "blobs" / sha256[:2] / f"{sha256}.{EXTENSIONS[media_type]}"

    def _stored(self, asset: NewAsset, now: str) -> StoredAsset:
        return StoredAsset(
            id=str(uuid.uuid4()),
            file_url=self._path(asset.blob.sha256, asset.blob.media_type).as_uri(),
            file_name=asset.file_name,
            file_size=asset.blob.size,
            file_type=asset.blob.media_type,
            sha256=asset.blob.sha256,
            width=asset.width,
            height=asset.height,
            run_id=asset.run_id,
            emulated=asset.emulated,
            created_at=now,
        )

    def _record(self, row: tuple[object, ...]) -> StoredAsset:
        values = dict(zip(_COLUMNS, row, strict=True))
        values["emulated"] = bool(values["emulated"])
        url = self._path(str(values["sha256"]), str(values["file_type"])).as_uri()
        return StoredAsset(file_url=url, **values)  # type: ignore[arg-type]

    def _make_folders(self, shard: Path) -> None:
        """Create the folders down to `shard`; a planted link must not lead a write outside."""
        for folder in (self.folder, shard.parent, shard):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=folder == self.folder, exist_ok=True)
                sync_folder(folder.parent)
            if folder != self.folder and folder.is_symlink():
                raise OSError(errno.ELOOP, f"{folder} is a link; the store writes only inside itself")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
                return
            except sqlite3.Error as error:
                reason = str(error)
        raise StoreError(f"cannot read the index in {self.folder}: {reason}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, taken for writing from its start; rolled back on any error."""
        with self._lock:
            try:
                index = self._open()
                index.execute("BEGIN IMMEDIATE")
                try:
                    yield index
                    index.execute("COMMIT")
                    return
                finally:
                    # A full disk has already rolled back: asking again would hide the cause.
                    if index.in_transaction:
                        index.execute("ROLLBACK")
            except sqlite3.Error as error:
                reason = str(error)
        raise StoreError(f"cannot write the index in {self.folder}: {reason}")

    def _open(self) -> sqlite3.Connection:
        """This process's connection."""
        if self._connection is None:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                reason = explain(error)
            else:
                self._connection = self._connect()
                return self._connection
            raise StoreError(f"cannot create the store folder {self.folder}: {reason}")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        path = self.folder / "index.sqlite3"
        if path.is_symlink():
            raise sqlite3.DatabaseError(f"{path} is a link; the store writes only inside itself")
        index = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            index.execute("PRAGMA synchronous = EXTRA")
            version = index.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise sqlite3.DatabaseError(f"it was written by a newer version (layout {version})")
            if version < _VERSION:
                index.execute("PRAGMA journal_mode = DELETE")
                index.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        except BaseException:
            index.close()
            raise
        return index


def _holds(path: Path, blob: Blob) -> bool:
    """Whether `path` is already the blob itself: a damaged file or a planted link is written anew."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != blob.size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == blob.sha256


_held: list[LocalStore] = []


def _before_fork() -> None:
    """Keep every thread out of SQLite while the process is copied: its own locks would be copied held."""
    _held[:] = list(_stores)
    for store in _held:
        store._lock.acquire()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop()._lock.release()


def _after_fork_in_child() -> None:
    while _held:
        _held.pop()._start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
