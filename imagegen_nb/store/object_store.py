"""A store below a URL, such as `s3://bucket/team`, for kernels on any number of machines.

<url>/blobs/ab/<sha256>.webp          the bytes, written once under their hash
<url>/thumbnails/ab/<sha256>.<size>.webp  small pictures of the blobs: a cache, which may be deleted
<url>/log/<number>.json               what happened, in order (object_log.py): ledger, records, stars, scores
<url>/segments/<number>.jsonl         the log's entries once more, 64 in one
<url>/leases/<owner>.json             renewed by a process while it has runs under way (object_leases.py)

A blob is durable before the entry with its record is written; a run's entry, with its reservation, before the
provider is asked; its end and the records of its images are one entry.
"""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import BinaryIO

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import AssetNotFound, BudgetExceeded, StorageLimitReached, StoreError
from imagegen_nb.store import object_leases, thumbnail_files
from imagegen_nb.store.base import (
    HANDED_OVER,
    AssetRecord,
    Budget,
    LedgerEntry,
    SignedAddress,
    Spending,
    Store,
    cell_taken,
    check_budget,
    check_room,
    kept_without_record,
)
from imagegen_nb.store.object_client import Objects, checked_url, require
from imagegen_nb.store.object_documents import Change, ImageMark, RunEnd
from imagegen_nb.store.object_leases import Lease
from imagegen_nb.store.object_log import Log
from imagegen_nb.store.object_maintenance import TIDYING, ObjectMaintenance
from imagegen_nb.store.object_view import View
from imagegen_nb.store.paths import blob_name, checked_name, thumbnail_name

_LARGEST_BLOB = 1 << 30
_LONGEST_SIGNATURE = 7 * 24 * 3600
"""Seconds; S3 signs for no longer."""
_PATIENCE = 60.0
"""Seconds to wait while somebody deletes files."""
_PAUSE = 0.5
_ENDED = ("done", "failed", "cancelled")
"""States that stay; `interrupted` may yet become `done`."""


class ObjectStore(Store):
    """A store below a URL that obstore knows; `limit` is in bytes, None for no limit.

    Credentials come from the environment, as obstore finds them, and are kept nowhere. Raises `InvalidOption`
    for an address that is none, and where the extra `objects` is not installed.
    """

    def __init__(self, url: str, limit: int | None = None) -> None:
        self.url = checked_url(url)
        require()
        self.limit = limit
        self._objects = Objects(self.url)
        self._lease = Lease(self._objects)
        self._log = Log(self._objects, lambda: self._lease.owner)
        self._looked_after_at: float | None = None
        self._bytes = _RecentBytes()

    def __reduce__(self) -> tuple[type[ObjectStore], tuple[str, int | None]]:
        return ObjectStore, (self.url, self.limit)

    def __repr__(self) -> str:
        return f"ObjectStore({self.url!r}, limit={self.limit})"

    @property
    def used(self) -> int:
        return self._log.look().used_bytes

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        """What the runs in the ledger have cost, all or those of one session."""
        return self._recovered().spending(emulated=emulated, session=session)

    def begin(self, run: LedgerEntry, limit: int | None, budget: Budget | None = None) -> None:
        checked_name(run.run_id)

        def enter(view: View) -> list[Change]:
            if view.is_taken(run):
                raise cell_taken()
            check_room(view.used_bytes, view.reserved_bytes(), limit)
            check_budget(view, run, budget)
            return [Change(begun=run)]

        self._lease.take(run.run_id)
        try:
            self._recover()
            try:
                self._commit(enter)
            except (StorageLimitReached, BudgetExceeded):
                self._recover(at_once=True)  # what stands in the way may be of a process that is gone
                self._commit(enter)
        except BaseException:
            self._lease.drop(run.run_id)
            raise

    def finish(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        end = RunEnd.of(replace(run, ended_at=utc_now()))
        was_under_way = True

        def record(view: View) -> list[Change]:
            nonlocal was_under_way
            was_under_way = run.run_id in view.owners
            return [Change(ended=end, assets=tuple(assets))]

        try:
            # Also over `interrupted`: a process that slept was taken for gone, and has come back.
            self._commit(record, run.run_id)
        except StoreError as error:
            places = [asset.file_url for asset in assets]
            raise kept_without_record(error, places, "before imagegen-nb store gc deletes") from None
        finally:
            # Also when recording failed: the next run that starts here recovers this one.
            self._lease.drop(run.run_id)
        if not was_under_way:
            self._put_back(assets)
        return tuple(assets)

    def hand_over(self, runs: Sequence[LedgerEntry]) -> None:
        def hand_over(view: View) -> list[Change]:
            there = [run for run in runs if view.is_in_state(run.run_id, "calling", "interrupted")]
            return [Change(ended=RunEnd.of(replace(run, state="submitted", ended_at=""))) for run in there]

        self._log.commit(hand_over)
        for run in runs:
            self._lease.drop(run.run_id)

    def finish_submitted(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> bool:
        end, is_first = RunEnd.of(replace(run, ended_at=utc_now())), False

        def finish(view: View) -> list[Change]:
            nonlocal is_first
            is_first = view.is_in_state(run.run_id, *HANDED_OVER)
            return [Change(ended=end, assets=tuple(assets))] if is_first else []

        # As with a run by itself, but nothing kept its images from being deleted as unused until now.
        self._commit(finish)
        if is_first:
            self._put_back(assets)
        return is_first

    def _commit(self, decide: Callable[[View], Sequence[Change]], run_id: str | None = None) -> None:
        """Write what is decided, while nobody deletes files: what names images must not come in between. A
        run that is under way keeps others from deleting. Raises `StoreError`."""

        def unless_tidied(view: View) -> Sequence[Change]:
            if view.tidied_by is not None and run_id not in view.owners:
                raise _Tidied(f"unused files are being deleted in {self.url}: try again in a minute")
            return decide(view)

        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._log.commit(unless_tidied)
            except _Tidied:
                if time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(_PAUSE)
            self._recover()  # who deletes may be gone

    def _put_back(self, assets: Sequence[AssetRecord]) -> None:
        """Write images again that were deleted as unused before their records came."""
        for asset in assets:
            key = blob_name(asset.sha256, asset.file_type)
            if self._objects.size(key) is None and (data := self._bytes.get(key)) is not None:
                self._objects.write(key, data, asset.file_type)

    def _recover(self, *, at_once: bool = False) -> None:
        """Mark every run whose process is gone as interrupted, which frees its reservation.

        Other processes are looked after as often as leases are renewed, unless it has to be `at_once`.
        """
        is_first = self._looked_after_at is None
        view = self._log.look() if is_first or at_once else self._log.known()
        owners = {*view.owners.copy().values(), *filter(None, [view.tidied_by])}
        lost = {self._lease.owner}  # its runs that are not kept here any more
        others = owners - lost
        if at_once or self._is_time_to_look():
            lost |= self._lease.gone(others) if others else set()
            self._looked_after_at = time.monotonic()
        if owners & lost:
            self._log.commit(partial(self._interrupted, lost=lost))

    def _is_time_to_look(self) -> bool:
        looked_at = self._looked_after_at
        return looked_at is None or time.monotonic() - looked_at >= object_leases.RENEWAL

    def _interrupted(self, view: View, *, lost: set[str]) -> list[Change]:
        gone = [
            view.runs[run_id]
            for run_id, owner in view.owners.items()
            if owner in lost and not self._lease.keeps(run_id)
        ]
        ends = [RunEnd.of(replace(run, state="interrupted", ended_at=utc_now())) for run in gone]
        changes = [Change(ended=end) for end in ends]
        if view.tidied_by in lost and not self._lease.keeps(TIDYING):
            changes.append(Change(tidied=view.tidied_by))
        return changes

    def _recovered(self) -> View:
        """What the log says, after a look after runs; who may only read sees them as they are."""
        with suppress(StoreError):
            self._recover()
        return self._log.look()

    def runs(self) -> Iterator[LedgerEntry]:
        return iter(list(self._recovered().runs.values()))

    def equal_runs(self, call: str) -> Iterator[LedgerEntry]:
        return iter(self._recovered().equal_runs(call))

    def find_run(self, run_id: str) -> LedgerEntry | None:
        return self._view_of(run_id).runs.get(run_id)

    def _view_of(self, run_id: str | None) -> View:
        """What the log says of a run; nobody is asked about one that is over, for which nothing changes."""
        known = self._log.known()
        run = known.runs.get(run_id or "")
        return known if run is not None and run.state in _ENDED else self._log.look()

    def count_runs(self) -> int:
        return len(self._log.look().runs)

    def stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        data = bytes(image.data)
        sha256 = hashlib.sha256(data).hexdigest()
        key = blob_name(sha256, image.media_type)
        # One that is there is whole, but for what somebody else has put under its name.
        if not self._objects.create(key, data, image.media_type) and self._objects.size(key) != len(data):
            self._objects.write(key, data, image.media_type)
        self._bytes.keep(key, data)
        if image.file is not None:
            image.file.remove()
        return AssetRecord.of(
            image,
            asset_id=str(uuid.uuid4()),
            file_url=self._objects.address(key),
            sha256=sha256,
            run_id=run_id,
            emulated=emulated,
        )

    def put(self, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        if assets:
            self._commit(lambda _: [Change(assets=tuple(assets))])
            self._put_back(assets)
        return tuple(assets)

    def get(self, asset_id: str) -> AssetRecord:
        record = self._log.known().assets.get(asset_id) or self._log.look().assets.get(asset_id)
        if record is None:
            raise AssetNotFound(f"no asset {asset_id!r} in {self.url}")
        return record

    def open(self, asset_id: str) -> BinaryIO:
        record = self.get(asset_id)
        key = blob_name(record.sha256, record.file_type)
        if (data := self._bytes.get(key)) is None:
            if (data := self._objects.read(key, _LARGEST_BLOB)) is None:
                raise AssetNotFound(f"the bytes of asset {asset_id} are not at {self._objects.address(key)}")
            self._bytes.keep(key, data)
        return io.BytesIO(data)

    def find_asset(self, sha256: str) -> AssetRecord | None:
        return self._log.look().newest(sha256)

    def holds(self, asset: AssetRecord) -> bool:
        try:
            key = blob_name(asset.sha256, asset.file_type)
            return self._bytes.was_seen(key) or self._is_there(key)
        except StoreError:
            return False

    def _is_there(self, key: str) -> bool:
        is_there = self._objects.size(key) is not None
        if is_there:
            self._bytes.see(key)
        return is_there

    def signed_address(self, asset: AssetRecord, seconds: int) -> SignedAddress | None:
        if not self._objects.signs:
            return None
        key = blob_name(asset.sha256, asset.file_type)
        seconds = min(seconds, _LONGEST_SIGNATURE)
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        url = self._objects.signed(key, seconds)
        return SignedAddress(url=url, expires_at=expires.isoformat(timespec="seconds"))

    def read_thumbnail(self, asset: AssetRecord, size: str) -> bytes | None:
        try:
            data = self._objects.read(thumbnail_name(asset.sha256, size), thumbnail_files.LARGEST)
        except StoreError:
            return None
        return data if data and thumbnail_files.is_whole_webp(data) else None

    def keep_thumbnail(self, asset: AssetRecord, size: str, data: bytes) -> None:
        with suppress(StoreError):
            self._objects.write(thumbnail_name(asset.sha256, size), data, "image/webp")

    def mark(self, asset_id: str) -> Mark:
        return self._log.look(fresh=False).marks.get(asset_id) or Mark()

    def marks(self) -> Mapping[str, Mark]:
        return dict(self._log.look().marks)

    def change_mark(self, asset_id: str, *, starred: bool | None = None, note: str | None = None) -> Mark:
        self.get(asset_id)
        result = Mark()

        def change(view: View) -> list[Change]:
            nonlocal result
            result = view.marks.get(asset_id, Mark()).changed(starred, note)
            return [Change(mark=ImageMark(image=asset_id, mark=result))]

        self._log.commit(change)
        return result

    def judgements(self, topic: str) -> Sequence[Judgement]:
        found = (one for one in list(self._log.look().judgements.values()) if one.topic == topic)
        return sorted(found, key=lambda one: (one.judged_at, one.id))

    def keep_judgement(self, judgement: Judgement) -> None:
        self._log.commit(lambda _: [Change(judgement=judgement)])

    def take_back(self, judgement_id: str) -> None:
        self._log.commit(lambda _: [Change(taken_back=judgement_id)])

    def scores(self, image: str) -> Sequence[Score]:
        found = list(self._log.look(fresh=False).scores.get(image, {}).values())
        return sorted(found, key=lambda one: (one.judge, one.id))

    def keep_score(self, score: Score) -> None:
        self.get(score.image)
        self._log.commit(lambda _: [Change(score=score)])

    def picks(self, topic: str) -> Sequence[PickedCell]:
        found = (one for one in list(self._log.look(fresh=False).picks.values()) if one.topic == topic)
        return sorted(found, key=lambda one: (one.picked_at, one.id))

    def keep_pick(self, pick: PickedCell) -> None:
        self._log.commit(lambda _: [Change(picked=pick)])

    def remove_pick(self, pick_id: str) -> None:
        self._log.commit(lambda _: [Change(unpicked=pick_id)])

    def records(self, run_id: str | None = None) -> Iterator[AssetRecord]:
        return iter(self._view_of(run_id).records(run_id))

    def count_records(self, run_id: str | None = None) -> int:
        return len(self._view_of(run_id).records(run_id))

    def maintenance(self) -> ObjectMaintenance:
        """A look after the objects, for `store.maintenance`."""
        return ObjectMaintenance(self._objects, self._log, self._lease, partial(self._recover, at_once=True))

    def close(self) -> None:
        """Nothing is open between two requests."""


class _Tidied(StoreError):
    """Somebody deletes files just now."""


class _RecentBytes:
    """The bytes of the images that were written or read last, and which are known to be there: what has just
    arrived is mostly shown next."""

    _MOST = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._seen = set[str]()
        self._size = 0

    def keep(self, key: str, data: bytes) -> None:
        """Keep an image until others need the room."""
        with self._lock:
            self._seen.add(key)
            if key in self._kept or len(data) > self._MOST:
                return
            self._kept[key] = data
            self._size += len(data)
            while self._size > self._MOST:
                self._size -= len(self._kept.popitem(last=False)[1])

    def get(self, key: str) -> bytes | None:
        """The bytes, where they were kept."""
        return self._kept.get(key)

    def see(self, key: str) -> None:
        """Remember that an image is there."""
        self._seen.add(key)

    def was_seen(self, key: str) -> bool:
        """Whether an image was there when it was looked for: nothing of the toolkit removes one that has a
        record."""
        return key in self._seen
