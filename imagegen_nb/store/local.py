"""A store in a folder: content-addressed files and a SQLite database, safe for several processes.

A blob is written to a temporary file, fsynced, renamed, and its folder fsynced before its row is committed.
A run's row, with its reservation, is committed before the provider is asked. Its end is committed in one
transaction with the records of its images.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from imagegen_nb.core import user_warnings
from imagegen_nb.core.atomic_files import (
    explain,
    explain_writing,
    sync_folder,
    temporary_name,
    user_path,
    write_durably,
)
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.open_files import patiently
from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import AssetNotFound, StoreError
from imagegen_nb.store import locks, manifests, recovery, thumbnail_files
from imagegen_nb.store.base import (
    HANDED_OVER,
    AssetRecord,
    Budget,
    LedgerEntry,
    Spending,
    Store,
    cell_taken,
    check_budget,
    check_room,
    kept_for_later,
    kept_without_record,
    not_found,
    store_error,
)
from imagegen_nb.store.database import Database
from imagegen_nb.store.group_commit import GroupCommit
from imagegen_nb.store.local_maintenance import LocalMaintenance
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.paths import StorePaths
from imagegen_nb.store.tables import PAGE, Table, Tables

T = TypeVar("T")

_ROOM_FOR_END = 1 << 16
"""Bytes of the disk that are kept for the end of a run: its manifest, and a transaction with its journal."""


class LocalStore(Store):
    """A folder of images. Several kernels may share it; `limit` is in bytes, None for no limit."""

    def __init__(self, folder: str | os.PathLike[str], limit: int | None = None) -> None:
        self.folder = user_path(folder, StoreError).absolute()
        if self.folder.is_file():
            raise StoreError(f"{os.fspath(folder)} is a file; give a folder for the images")
        self.limit = limit
        self.paths = StorePaths(self.folder)
        self.database = Database(self.paths)
        self._group = GroupCommit(self.database, partial(manifests.sync_names, self.paths))

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path, int | None]]:
        return LocalStore, (self.folder, self.limit)

    def __repr__(self) -> str:
        return f"LocalStore({str(self.folder)!r}, limit={self.limit})"

    @property
    def used(self) -> int:
        with self.database.read() as tables:
            return tables.used_bytes()

    def begin(self, run: LedgerEntry, limit: int | None, budget: Budget | None = None) -> None:
        patiently(partial(self._begin, run, limit, budget), _is_out_of_files)

    def _begin(self, run: LedgerEntry, limit: int | None, budget: Budget | None) -> None:
        try:
            locks.acquire(self.paths, run.run_id, _room_for_end(run))
        except OSError as error:
            reason = explain_writing(error, self.folder)
        else:
            self._enter(run, limit, budget)
            return
        raise store_error(f"cannot enter the run in {self.folder}", reason)

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        """What the runs in the ledger have cost, all or those of one session."""
        recovery.recover(self.database)
        with self.database.read() as tables:
            return tables.spending(emulated=emulated, session=session)

    def _enter(self, run: LedgerEntry, limit: int | None, budget: Budget | None) -> None:
        """In one transaction, so that kernels that start at once cannot pass limit or budget together."""

        def enter(tables: Tables) -> None:
            if run.cell and tables.is_taken(run):
                raise cell_taken()
            check_room(tables.used_bytes(), tables.reserved_bytes(), limit)
            check_budget(tables, run, budget)
            manifest = Manifest(run=run, run_order=tables.put_run(run))
            manifests.write(self.paths, run.run_id, manifest, sync_name=False)

        try:
            self._group.run(enter, first=self._recover)
        except BaseException:
            manifests.remove(self.paths, run.run_id)
            locks.release(self.paths, run.run_id)
            raise

    def _recover(self) -> None:
        recovery.recover(self.database)

    def finish(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        ended = replace(run, ended_at=utc_now())
        record = partial(self._record, run.run_id, assets, ended)
        try:
            try:
                return patiently(record, _is_out_of_files)
            except StoreError:
                if not locks.free_room(self.paths, run.run_id):
                    raise
            return record()
        except StoreError as error:
            failure = self._not_recorded(error, ended, assets)
        finally:
            # Also when recording failed: the next run that starts recovers this one.
            locks.release(self.paths, run.run_id)
        raise failure

    def _not_recorded(self, error: StoreError, run: LedgerEntry, assets: Sequence[AssetRecord]) -> StoreError:
        """The error of an end that could not be recorded. It stands in the manifest, where that could be
        written at least: recovery finishes the run from it."""
        look = f"imagegen-nb store check {shlex.quote(str(self.folder))}"
        paths = [str(self.paths.blob(asset.sha256, asset.file_type)) for asset in assets]
        if not self._write_manifest_alone(run, assets):
            return kept_without_record(error, paths, "before imagegen-nb store gc deletes")
        return kept_for_later(error, paths, f"the next run there, or {look}")

    def _write_manifest_alone(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> bool:
        """Whether a run's manifest has its end; the database has not, and has perhaps no room for it."""
        try:
            manifest = manifests.read(self.paths, run.run_id)
        except StoreError:
            manifest = None
        order = 0
        with suppress(StoreError), self.database.read() as tables:
            order = tables.last_order("asset") + 1  # not for good: recovery finds another
        run_order = manifest.run_order if manifest is not None else 0
        end = Manifest(run=run, run_order=run_order, assets=tuple(assets), asset_order=order)
        try:
            if manifest is None or (manifest.run, manifest.assets) != (run, end.assets):
                manifests.write(self.paths, run.run_id, end, sync_name=False)
            manifests.sync_names(self.paths)
        except OSError:
            return False
        return True

    def hand_over(self, runs: Sequence[LedgerEntry]) -> None:
        def hand_over(tables: Tables) -> None:
            for run in runs:
                if tables.is_in_state(run.run_id, "calling", "interrupted"):
                    submitted = replace(run, state="submitted", ended_at="")
                    manifest = Manifest(run=submitted, run_order=tables.put_run(submitted))
                    manifests.write(self.paths, run.run_id, manifest, sync_name=False)

        patiently(partial(self._group.run, hand_over), _is_out_of_files)
        for run in runs:
            locks.release(self.paths, run.run_id)

    def finish_submitted(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> bool:
        ended = replace(run, ended_at=utc_now())

        def finish(tables: Tables) -> bool:
            if not tables.is_in_state(run.run_id, *HANDED_OVER):
                return False
            # Until now nothing kept a cleaning-up from taking them for left behind.
            if not all(map(self.holds, assets)):
                raise store_error(f"cannot record run {run.run_id}", "the bytes of its images were removed")
            self._write(tables, run.run_id, assets, ended)
            return True

        return patiently(partial(self._group.run, finish), _is_out_of_files)

    def runs(self) -> Iterator[LedgerEntry]:
        return self.list_runs()

    def list_runs(self, *, newest_first: bool = False, after: str | None = None) -> Iterator[LedgerEntry]:
        try:
            recovery.recover(self.database)
        except StoreError as error:
            if not error.outside or error.out_of_files:
                raise
            user_warnings.warn(f"{error}. Runs whose process is gone are listed as under way", RuntimeWarning)
        first, last = self._range("run", newest_first, after)
        yield from self._paged(first, lambda tables, at: tables.run_page(at, last, newest_first=newest_first))

    def cell_runs(self, prefix: str) -> Iterator[LedgerEntry]:
        recovery.recover(self.database)
        yield from self._runs_at(lambda tables: tables.orders_of_cells(prefix))

    def equal_runs(self, call: str) -> Iterator[LedgerEntry]:
        yield from self._runs_at(lambda tables: tables.orders_of_call(call))

    def _runs_at(self, read_orders: Callable[[Tables], list[int]]) -> Iterator[LedgerEntry]:
        """The runs at the places that are read first, page by page: those that begin meanwhile are left
        out."""
        with self.database.read() as tables:
            orders = read_orders(tables)
        for first in range(0, len(orders), PAGE):
            with self.database.read() as tables:  # not held while a page is looked at
                page = tables.runs_at(orders[first : first + PAGE])
            yield from page

    def find_run(self, run_id: str) -> LedgerEntry | None:
        if not run_id.isascii():  # all ids are; sqlite3 cannot encode lone surrogates
            return None
        with self.database.read() as tables:
            return next(iter(tables.runs("WHERE run_id = ?", (run_id,))), None)

    def count_runs(self) -> int:
        with self.database.read() as tables:
            return tables.count("run")

    def new_path(self) -> Path:
        self.paths.make(self.paths.blobs)
        return self.paths.blobs / temporary_name()

    def stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        stage = partial(self._stage, image, run_id=run_id, emulated=emulated)
        return patiently(stage, _is_out_of_files)

    def _stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        file = image.file
        sha256 = hashlib.sha256(image.data).hexdigest() if file is None else file.sha256
        path = self.paths.blob(sha256, image.media_type)
        try:
            self.paths.make(path.parent)
            if not _is_intact(path, sha256, len(image.data)):
                try:
                    _put(image, path)
                except OSError:
                    if not locks.free_room(self.paths, run_id):
                        raise
                    _put(image, path)
            # Also for a file that was there: whoever put it there may not have come as far as this.
            sync_folder(path.parent)
            if file is not None:
                file.remove()
        except OSError as error:
            reason = explain_writing(error, self.folder)
        else:
            return AssetRecord.of(
                image,
                asset_id=str(uuid.uuid4()),
                file_url=path.as_uri(),
                sha256=sha256,
                run_id=run_id,
                emulated=emulated,
            )
        raise store_error(f"cannot write an image of {len(image.data):,} bytes below {self.folder}", reason)

    def put(self, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        name = uuid.uuid4().hex
        try:
            return self._record(name, assets) if assets else ()
        except BaseException:
            manifests.remove(self.paths, name)
            raise

    def _record(
        self, name: str, assets: Sequence[AssetRecord], run: LedgerEntry | None = None
    ) -> tuple[AssetRecord, ...]:
        return self._group.run(lambda tables: self._write(tables, name, assets, run)).assets

    def _write(
        self, tables: Tables, name: str, assets: Sequence[AssetRecord], run: LedgerEntry | None
    ) -> Manifest:
        run_order = tables.put_run(run) if run is not None else 0
        asset_order = tables.add_assets(assets)
        manifest = Manifest(run=run, run_order=run_order, assets=tuple(assets), asset_order=asset_order)
        manifests.write(self.paths, name, manifest, sync_name=False)
        return manifest

    def get(self, asset_id: str) -> AssetRecord:
        matches: list[AssetRecord] = []
        if asset_id.isascii():  # all ids are; sqlite3 cannot encode lone surrogates
            with self.database.read() as tables:
                matches = tables.assets("WHERE id = ?", (asset_id,))
        if not matches:
            raise AssetNotFound(f"no asset {asset_id!r} in {self.folder}")
        return matches[0]

    def open(self, asset_id: str) -> BinaryIO:
        record = self.get(asset_id)
        path = self.paths.blob(record.sha256, record.file_type)
        try:
            return path.open("rb")
        except OSError as error:
            reason = explain(error)
        raise AssetNotFound(f"the bytes of asset {asset_id} are not readable at {path}: {reason}")

    def find_asset(self, sha256: str) -> AssetRecord | None:
        with self.database.read() as tables:
            matches = tables.assets("WHERE sha256 = ?", (sha256,))
        return matches[-1] if matches else None

    def holds(self, asset: AssetRecord) -> bool:
        try:
            return self.paths.blob(asset.sha256, asset.file_type).is_file()
        except (OSError, StoreError):
            return False

    def read_thumbnail(self, asset: AssetRecord, size: str) -> bytes | None:
        return thumbnail_files.read(self.paths, asset.sha256, size)

    def keep_thumbnail(self, asset: AssetRecord, size: str, data: bytes) -> None:
        thumbnail_files.write(self.paths, asset.sha256, size, data)

    def mark(self, asset_id: str) -> Mark:
        if not self._is_there() or not asset_id.isascii():
            return Mark()
        with self.database.read() as tables:
            return tables.opinions.marks.get(asset_id) or Mark()

    def marks(self) -> Mapping[str, Mark]:
        if not self._is_there():
            return {}
        with self.database.read() as tables:
            return tables.opinions.marks.all()

    def _is_there(self) -> bool:
        """Whether there is anything to look at: a look must not make a store anew that was deleted."""
        return self.folder.is_dir()

    def change_mark(self, asset_id: str, *, starred: bool | None = None, note: str | None = None) -> Mark:
        self.get(asset_id)
        with self.database.transaction() as tables:
            mark = (tables.opinions.marks.get(asset_id) or Mark()).changed(starred, note)
            tables.opinions.put_mark(asset_id, mark)
        return mark

    def judgements(self, topic: str) -> Sequence[Judgement]:
        if not self._is_there():
            return []
        with self.database.read() as tables:
            found = tables.opinions.judgements.all("WHERE topic = ?", (topic,), "judged_at, id")
            return list(found.values())

    def keep_judgement(self, judgement: Judgement) -> None:
        with self.database.transaction() as tables:
            tables.opinions.judgements.put(judgement.id, judgement)

    def take_back(self, judgement_id: str) -> None:
        with self.database.transaction() as tables:
            tables.opinions.judgements.remove(judgement_id)

    def scores(self, image: str) -> Sequence[Score]:
        if not self._is_there() or not image.isascii():
            return []
        with self.database.read() as tables:
            return list(tables.opinions.scores.all("WHERE image = ?", (image,), "judge, id").values())

    def keep_score(self, score: Score) -> None:
        self.get(score.image)
        with self.database.transaction() as tables:
            tables.opinions.scores.put(score.id, score)

    def picks(self, topic: str) -> Sequence[PickedCell]:
        if not self._is_there():
            return []
        with self.database.read() as tables:
            found = tables.opinions.picks.all("WHERE topic = ?", (topic,), "picked_at, id")
            return list(found.values())

    def keep_pick(self, pick: PickedCell) -> None:
        with self.database.transaction() as tables:
            tables.opinions.picks.put(pick.id, pick)

    def remove_pick(self, pick_id: str) -> None:
        with self.database.transaction() as tables:
            tables.opinions.picks.remove(pick_id)

    def records(self, run_id: str | None = None) -> Iterator[AssetRecord]:
        return self.list_records(run_id)

    def list_records(
        self, run_id: str | None = None, *, newest_first: bool = False, after: str | None = None
    ) -> Iterator[AssetRecord]:
        first, last = self._range("asset", newest_first, after)
        yield from self._paged(
            first, lambda tables, at: tables.asset_page(run_id or None, at, last, newest_first=newest_first)
        )

    def count_records(self, run_id: str | None = None) -> int:
        with self.database.read() as tables:
            return tables.count("asset", run_id or None)

    def _paged(self, position: int, read: Callable[[Tables, int], tuple[list[T], int]]) -> Iterator[T]:
        """What `read` gives, page by page; it is told what a page follows, and says what the next
        one does."""
        while True:
            with self.database.read() as tables:  # not held while a page is looked at
                page, position = read(tables, position)
            yield from page
            if len(page) < PAGE:
                return

    def _range(self, table: Table, newest_first: bool, after: str | None) -> tuple[int, int]:
        """The orders between which a list lies, fixed when it begins: it must end while others write."""
        with self.database.read() as tables:
            newest = tables.last_order(table)
            begin = tables.order_of(table, after) if after is not None and after.isascii() else None
        if after is not None and begin is None:
            raise not_found(after)
        if newest_first:
            return (newest + 1 if begin is None else begin), 0
        return (begin or 0), newest

    def maintenance(self) -> LocalMaintenance:
        """A look after the folder, for `store.maintenance`."""
        return LocalMaintenance(self.database)

    def close(self) -> None:
        self.database.close()


def _is_out_of_files(error: Exception) -> bool:
    """Bytes that have arrived must not be lost because no file can be opened at that moment."""
    return isinstance(error, StoreError) and error.out_of_files


def _room_for_end(run: LedgerEntry) -> int:
    """Bytes that the end of a run may need: its texts once in the manifest, once in the journal."""
    texts = (run.prompt, run.settings_json, run.inputs_json)
    return _ROOM_FOR_END + 2 * sum(len(text.encode(errors="replace")) for text in texts)


def _put(image: CheckedImage, path: Path) -> None:
    """Put an image's bytes at `path`, whose name the caller makes durable. Raises OSError."""
    if image.file is not None and image.file.is_there:
        with suppress(OSError):  # somebody may have removed it just now, and memory has the bytes as well
            image.file.move(path)
            return
    write_durably(path, image.data, sync_name=False)


def _is_intact(path: Path, sha256: str, size: int) -> bool:
    """Whether `path` holds these bytes already. A damaged file or a planted link is written anew."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
