"""A store in a folder: content-addressed files and a SQLite index, safe for several processes.

A blob is written to a temporary file, fsynced, renamed, and its folder fsynced before its row is
committed. A run's row, with its reservation, is committed before anything is asked, and its end in one
transaction with the records of its images.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from imagegen_nb.core.atomic_files import explain, user_path, write_durably
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import AssetNotFound, StoreError
from imagegen_nb.store import locks, manifests, recovery, rows
from imagegen_nb.store.base import Blob, LedgerEntry, NewAsset, Store, StoredAsset, check_room
from imagegen_nb.store.database import Index
from imagegen_nb.store.manifests import Sidecar
from imagegen_nb.store.paths import Places, inside


class LocalStore(Store):
    """A folder of images. Several kernels may share it; `limit` is in bytes, None for no limit."""

    def __init__(self, folder: str | os.PathLike[str], limit: int | None = None) -> None:
        self.folder = user_path(folder, StoreError).absolute()
        self.limit = limit
        self.places = Places(self.folder)
        self.index = Index(self.places)

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path, int | None]]:
        return LocalStore, (self.folder, self.limit)

    def __repr__(self) -> str:
        return f"LocalStore({str(self.folder)!r}, limit={self.limit})"

    @property
    def used(self) -> int:
        with self.index.reading() as index:
            return rows.used(index)

    def begin(self, run: LedgerEntry, limit: int | None) -> None:
        recovery.settle(self.index)
        try:
            locks.take(self.places, run.run_id)
        except OSError as error:
            reason = explain(error)
        else:
            self._enter(run, limit)
            return
        raise StoreError(f"cannot enter the run in {self.folder}: {reason}")

    def _enter(self, run: LedgerEntry, limit: int | None) -> None:
        """In one transaction, so that kernels that start at once cannot pass the limit together."""
        try:
            with self.index.writing() as index:
                check_room(rows.used(index), rows.reserved(index), limit)
                order = rows.put_run(index, run)
                manifests.write(self.places, run.run_id, Sidecar(run=run, run_order=order))
        except BaseException:
            manifests.remove(self.places, run.run_id)
            locks.release(self.places, run.run_id)
            raise

    def finish(self, run: LedgerEntry, assets: Sequence[NewAsset]) -> tuple[StoredAsset, ...]:
        try:
            return self._record(run.run_id, assets, replace(run, ended_at=utc_now()))
        finally:
            # Where it could not be recorded, the next run that starts puts this one in order.
            locks.release(self.places, run.run_id)

    def runs(self) -> Iterator[LedgerEntry]:
        recovery.settle(self.index)
        with self.index.reading() as index:
            return iter(rows.runs(index))

    def stage(self, data: bytes, media_type: str) -> Blob:
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data), media_type)
        path = self.places.blob(blob.sha256, media_type)
        try:
            inside(self.folder, path.parent)
            if not _holds(path, blob):
                write_durably(path, data)
        except OSError as error:
            reason = explain(error)
        else:
            return blob
        raise StoreError(f"cannot write an image of {len(data):,} bytes below {self.folder}: {reason}")

    def put(self, assets: Sequence[NewAsset]) -> tuple[StoredAsset, ...]:
        name = uuid.uuid4().hex
        try:
            return self._record(name, assets) if assets else ()
        except BaseException:
            manifests.remove(self.places, name)
            raise

    def _record(
        self, name: str, assets: Sequence[NewAsset], run: LedgerEntry | None = None
    ) -> tuple[StoredAsset, ...]:
        created_at = utc_now()
        stored = tuple(self._stored(asset, created_at) for asset in assets)
        with self.index.writing() as index:
            order = rows.put_run(index, run) if run is not None else 0
            first = rows.add_assets(index, stored)
            sidecar = Sidecar(run=run, run_order=order, assets=stored, asset_order=first)
            manifests.write(self.places, name, sidecar)
        return stored

    def get(self, asset_id: str) -> StoredAsset:
        found: list[StoredAsset] = []
        if asset_id.isascii():  # ids are made here; SQLite cannot even be asked for a broken character
            with self.index.reading() as index:
                found = rows.assets(index, self.places, "WHERE id = ?", (asset_id,))
        if not found:
            raise AssetNotFound(f"no asset {asset_id!r} in {self.folder}")
        return found[0]

    def open(self, asset_id: str) -> BinaryIO:
        record = self.get(asset_id)
        path = self.places.blob(record.sha256, record.file_type)
        try:
            return path.open("rb")
        except OSError as error:
            reason = explain(error)
        raise AssetNotFound(f"the bytes of asset {asset_id} are not readable at {path}: {reason}")

    def records(self, run_id: str | None = None) -> Iterator[StoredAsset]:
        where, values = ("WHERE run_id = ?", (run_id,)) if run_id else ("", ())
        with self.index.reading() as index:
            return iter(rows.assets(index, self.places, where, values))

    def close(self) -> None:
        self.index.close()

    def _stored(self, asset: NewAsset, created_at: str) -> StoredAsset:
        return StoredAsset(
            id=str(uuid.uuid4()),
            file_url=self.places.blob(asset.blob.sha256, asset.blob.media_type).as_uri(),
            file_name=asset.file_name,
            file_size=asset.blob.size,
            file_type=asset.blob.media_type,
            sha256=asset.blob.sha256,
            width=asset.width,
            height=asset.height,
            run_id=asset.run_id,
            emulated=asset.emulated,
            created_at=created_at,
        )


def _holds(path: Path, blob: Blob) -> bool:
    """Whether `path` is already the blob itself: a damaged file or a planted link is written anew."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != blob.size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == blob.sha256
