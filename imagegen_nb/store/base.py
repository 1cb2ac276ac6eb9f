"""The store seam: where images are kept, and what is promised about them.

A run is entered first (`begin`), with the room it may need, and before anything is asked of a provider.
Bytes go down as they come, durably (`stage`), then their records and the run's end in one transaction
(`finish`): what has a record is whole, and what a reader sees survives a crash. All methods but `new_path`
may block; callers on an event loop use a thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, Self, TypeVar

from imagegen_nb.core import money
from imagegen_nb.core.atomic_files import DISK_FULL, NOT_ALLOWED, NOT_READABLE
from imagegen_nb.core.open_files import OUT_OF_FILES
from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import (
    AssetNotFound,
    BudgetExceeded,
    CellTaken,
    Charge,
    ChargeTold,
    ImagegenError,
    StorageLimitReached,
    StoreError,
)

if TYPE_CHECKING:
    from imagegen_nb.core.images import CheckedImage

T = TypeVar("T")

_MOST_NAMED = 10
"""Places of images that an error names; no run asks for more images."""

RunState = Literal["calling", "submitted", "done", "failed", "interrupted", "cancelled"]
"""`calling` is under way in a process; `submitted` goes on at a provider, in a batch, whatever becomes of the
process; `done` brought images; `failed` brought none; `interrupted` ended, by a cancel or with its process,
while a request may have been under way; `cancelled` ended before one was."""

UNDER_WAY: tuple[RunState, ...] = ("calling", "submitted")
"""The states in which a run still has what it has reserved."""
HANDED_OVER: tuple[RunState, ...] = ("submitted", "interrupted")
"""The states in which a run may get its end from any process: none is carrying it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRecord:
    """A stored image: the platform's five keys, and beside them what only this toolkit knows.

    It is what a store keeps of an image beside its bytes, and what the database's rows and the manifests
    hold. `width` and `height` are pixels. `created_at` is an ISO 8601 time in UTC, for people only: order
    comes from the store.
    """

    id: str
    file_url: str
    file_name: str
    file_size: int
    file_type: str
    sha256: str
    width: int
    height: int
    run_id: str
    emulated: bool
    created_at: str

    @classmethod
    def of(
        cls, image: CheckedImage, *, asset_id: str, file_url: str, sha256: str, run_id: str, emulated: bool
    ) -> Self:
        """The record of an image whose bytes have just been stored at `file_url`."""
        return cls(
            id=asset_id,
            file_url=file_url,
            file_name=file_url.rpartition("/")[2],
            file_size=len(image.data),
            file_type=image.media_type,
            sha256=sha256,
            width=image.width,
            height=image.height,
            run_id=run_id,
            emulated=emulated,
            created_at=utc_now(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A run as the ledger holds it: what was asked, what it may cost and need, and how it ended; never a key.

    `count` is the images asked for, `estimate` the bytes reserved for them while the run is under way.
    `charge` is, until the run ends, what to believe should it never do so. Times are ISO 8601 in UTC, for
    people only; `ended_at` is empty until the end. `prompt` is the one that was sent. `settings_json` and
    `inputs_json` are JSON text: the step's settings with the prompt as it was written, and what filled it.
    Equal calls have the same `call`; `cell` names the cell of a sweep, and the attempt, that a run is for.
    `result_json` is what the end adds: why it failed, the settings that were used, usage, warnings. Runs of
    versions that kept none of this have empty text.
    Amounts are ticks of the provider's list price (see `core.money`): `ceiling_ticks` the most that the run
    can cost, `cost_ticks` what it did; None is unknown. `session` names the kernel or script.
    """

    run_id: str
    provider: str
    model: str
    count: int
    estimate: int
    emulated: bool
    state: RunState
    charge: Charge
    started_at: str
    ended_at: str = ""
    prompt: str = ""
    settings_json: str = ""
    inputs_json: str = ""
    call: str = ""
    cell: str = ""
    result_json: str = ""
    session: str = ""
    ceiling_ticks: int | None = None
    cost_ticks: int | None = None

    @property
    def charge_told(self) -> ChargeTold:
        """`charge` for people and for tables: an emulated run charges nobody, whatever a provider would have
        done, which `charge` keeps."""
        return "emulated" if self.emulated else self.charge

    def __repr__(self) -> str:
        # What somebody looks for; the JSON of a run fills a screen.
        return f"LedgerEntry({', '.join(f'{name}={getattr(self, name)!r}' for name in _SHOWN_OF_ENTRY)})"


_SHOWN_OF_ENTRY = (
    *("run_id", "model", "count", "emulated", "state", "charge_told", "started_at", "ended_at", "prompt"),
)


CHANGED_AT_THE_END = ("state", "charge", "ended_at", "result_json", "cost_ticks")
"""The fields of a ledger entry that the end of its run sets; the others stay as they were when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent, in ticks: by all runs of a store, by those of a `session`, by one run; None for no
    bound. Runs on an emulator count for themselves, as do those that cost money."""

    total: int | None = None
    session: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What runs have cost: `spent` and `reserved` (for runs under way) in ticks, and how many others are of
    a cost that nothing bounds. A run whose charge is unknown has spent its ceiling."""

    spent: int = 0
    reserved: int = 0
    unbounded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAddress:
    """An https address from which anybody can read an image until it expires (an ISO 8601 time in UTC): a
    secret, which nothing of the toolkit writes anywhere by itself."""

    url: str = field(repr=False)
    expires_at: str


class Store(ABC):
    """Keeps images and their records, and the ledger of the runs that made them.

    The ledger is optional: what stands here for it keeps none, and checks the limit once, as each run
    starts. That is enough where one run at a time uses a store.
    """

    limit: int | None
    """Bytes at which no further run may start; None for no limit."""

    @property
    @abstractmethod
    def used(self) -> int:
        """Bytes of all records, as the platform counts them: each asset by its file size."""

    def begin(self, run: LedgerEntry, limit: int | None, budget: Budget | None = None) -> None:
        """Enter a run before anything is asked, and reserve its estimate.

        A run may start below `limit` bytes and finish past it; runs under way count by their estimate.
        With a `budget` what it can cost is reserved as well. Of all runs with the same `cell` one may begin.
        Raises `StorageLimitReached`, `BudgetExceeded`, `CellTaken`, or `StoreError` when the run cannot be
        entered.
        """
        if budget is not None:
            raise StoreError(f"{type(self).__name__} keeps no ledger, so it cannot hold runs to a budget")
        check_room(self.used, 0, limit)

    def new_path(self) -> Path | None:
        """A path for the bytes of an image that is arriving, from which `stage` can take them without
        writing them again; None to hold them in memory, as where it raises. Called on the event loop, in the
        middle of an answer: it must not wait."""
        return None

    def finish(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        """Record the end of a run that was begun, and its images, all or nothing. Raises `StoreError`."""
        return self.put(assets) if assets else ()

    def hand_over(self, runs: Sequence[LedgerEntry]) -> None:
        """Record that runs go on at a provider, in a batch that their `result_json` names.

        They become `submitted`, keep what they have reserved, and outlive this process. One that was begun
        here is meant, or one that was interrupted; any other stays as it is. Raises `StoreError`.
        """
        raise StoreError(f"{type(self).__name__} keeps no ledger, so it cannot remember what was submitted")

    def finish_submitted(self, run: LedgerEntry, assets: Sequence[AssetRecord]) -> bool:
        """Record the end of a run that was handed over, and its images, all or nothing; false, recording
        nothing, where it has ended meanwhile: several processes may collect the same. Raises `StoreError`.
        """
        raise StoreError(f"{type(self).__name__} keeps no ledger, so it cannot remember what was submitted")

    def runs(self) -> Iterator[LedgerEntry]:
        """The ledger, oldest run first."""
        return iter(())

    # A store that holds many reads these page by page. What stands here for it reads all.

    def list_records(
        self, run_id: str | None = None, *, newest_first: bool = False, after: str | None = None
    ) -> Iterator[AssetRecord]:
        """All records or those of one run, in either order, from the one that follows the id `after`.

        Records that are added meanwhile are left out. Raises `AssetNotFound` where `after` is not there.
        """
        yield from _listed(self.records(run_id), lambda record: record.id, newest_first, after)

    def list_runs(self, *, newest_first: bool = False, after: str | None = None) -> Iterator[LedgerEntry]:
        """The ledger in either order, from the run that follows the run id `after`, without runs that begin
        meanwhile. Raises `AssetNotFound` where `after` is not there."""
        yield from _listed(self.runs(), lambda run: run.run_id, newest_first, after)

    def cell_runs(self, prefix: str) -> Iterator[LedgerEntry]:
        """The runs for cells of a sweep, oldest first: those whose `cell` begins with `prefix`."""
        return (run for run in self.list_runs() if run.cell.startswith(prefix))

    def equal_runs(self, call: str) -> Iterator[LedgerEntry]:
        """The runs of one `call`, oldest first."""
        return (run for run in self.list_runs() if run.call == call)

    def find_run(self, run_id: str) -> LedgerEntry | None:
        """The entry of one run; None where the ledger has none."""
        return next((run for run in self.list_runs() if run.run_id == run_id), None)

    def find_asset(self, sha256: str) -> AssetRecord | None:
        """The newest record of an image with this hash; None where there is none."""
        return next((one for one in self.list_records(newest_first=True) if one.sha256 == sha256), None)

    def count_records(self, run_id: str | None = None) -> int:
        """How many records there are, or how many of one run."""
        return sum(1 for _ in self.records(run_id))

    def count_runs(self) -> int:
        """How many runs the ledger has."""
        return sum(1 for _ in self.runs())

    @abstractmethod
    def stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        """Write an image's bytes durably and describe them. The store does not know the record before it is
        handed to `finish` or `put`; until then its `file_name` may be replaced. Raises `StoreError`."""

    @abstractmethod
    def put(self, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        """Record staged images outside any run, all or none, and return them. Raises `StoreError`."""

    @abstractmethod
    def get(self, asset_id: str) -> AssetRecord:
        """The record of an id. Raises `AssetNotFound`."""

    @abstractmethod
    def open(self, asset_id: str) -> BinaryIO:
        """The bytes of an id, as a file open for reading. Raises `AssetNotFound`."""

    def holds(self, asset: AssetRecord) -> bool:
        """Whether the bytes of a record are there; it need not tell whether they are whole."""
        try:
            self.open(asset.id).close()
        except ImagegenError:
            return False
        return True

    def signed_address(self, asset: AssetRecord, seconds: int) -> SignedAddress | None:
        """An address of an image that expires after so many seconds; None where the store signs none. Raises
        `StoreError` where it cannot."""
        return None

    # A store may keep thumbnails, as a cache; what stands here keeps none, and they are made again.

    def read_thumbnail(self, asset: AssetRecord, size: str) -> bytes | None:
        """What was kept of an image under the name of a size; None where nothing is, for any reason."""
        return None

    def keep_thumbnail(self, asset: AssetRecord, size: str, data: bytes) -> None:  # noqa: B027 - optional
        """Keep a thumbnail if that is possible. Raises nothing for a full or read-only disk."""

    # Stars, notes, comparisons, scores and picks. What stands here keeps them as long as this object lives.

    @cached_property
    def _opinions(
        self,
    ) -> tuple[dict[str, Mark], dict[str, Judgement], dict[str, Score], dict[str, PickedCell]]:
        return {}, {}, {}, {}

    def mark(self, asset_id: str) -> Mark:
        """The star and the note of an image; an empty mark where there is none. Raises `StoreError`."""
        return self._opinions[0].get(asset_id, Mark())

    def marks(self) -> Mapping[str, Mark]:
        """All marks by the ids of their images. Raises `StoreError`."""
        return dict(self._opinions[0])

    def change_mark(self, asset_id: str, *, starred: bool | None = None, note: str | None = None) -> Mark:
        """Change what is given of an image's mark, in one step whoever else changes it, and return the mark.

        Raises `AssetNotFound`, `InvalidOption` for a note that is too long, `StoreError` where it cannot be
        kept.
        """
        self.get(asset_id)
        mark = self.mark(asset_id).changed(starred, note)
        self._opinions[0].pop(asset_id, None)
        if mark != Mark():
            self._opinions[0][asset_id] = mark
        return mark

    def judgements(self, topic: str) -> Sequence[Judgement]:
        """The comparisons on a topic, oldest first. Raises `StoreError`."""
        kept = (one for one in self._opinions[1].values() if one.topic == topic)
        return sorted(kept, key=lambda one: (one.judged_at, one.id))

    def keep_judgement(self, judgement: Judgement) -> None:
        """Keep a comparison. Raises `StoreError`."""
        self._opinions[1][judgement.id] = judgement

    def take_back(self, judgement_id: str) -> None:
        """Forget a comparison; one that is not there may stay away. Raises `StoreError`."""
        self._opinions[1].pop(judgement_id, None)

    def scores(self, image: str) -> Sequence[Score]:
        """What judges found in an image, by their names. Raises `StoreError`."""
        kept = (one for one in self._opinions[2].values() if one.image == image)
        return sorted(kept, key=lambda one: (one.judge, one.id))

    def keep_score(self, score: Score) -> None:
        """Keep what a judge found, in the place of what it had found before. Raises `AssetNotFound` for an
        image that is not there, and `StoreError`."""
        self.get(score.image)
        self._opinions[2][score.id] = score

    def picks(self, topic: str) -> Sequence[PickedCell]:
        """What was picked of a topic, oldest first. Raises `StoreError`."""
        kept = (one for one in self._opinions[3].values() if one.topic == topic)
        return sorted(kept, key=lambda one: (one.picked_at, one.id))

    def keep_pick(self, pick: PickedCell) -> None:
        """Keep a pick, in the place of an earlier one of the same id. Raises `StoreError`."""
        self._opinions[3][pick.id] = pick

    def remove_pick(self, pick_id: str) -> None:
        """Forget a pick; one that is not there may stay away. Raises `StoreError`."""
        self._opinions[3].pop(pick_id, None)

    @abstractmethod
    def records(self, run_id: str | None = None) -> Iterator[AssetRecord]:
        """All records, oldest first, or those of one run."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; the store can be used again afterwards."""


def _listed(found: Iterable[T], id_of: Callable[[T], str], newest_first: bool, after: str | None) -> list[T]:
    """What was `found`, oldest first, in either order and from the one that follows the id `after`."""
    ordered = list(found)[:: -1 if newest_first else 1]
    if after is None:
        return ordered
    ids = [id_of(one) for one in ordered]
    if after not in ids:
        raise not_found(after)
    return ordered[ids.index(after) + 1 :]


def not_found(after: str) -> AssetNotFound:
    """The error for a page that cannot begin, for the caller to raise."""
    return AssetNotFound(
        f"after = {after!r}: nothing with this id is in the list; give the id of its last item"
    )


def store_error(what: str, reason: str) -> StoreError:
    """The error for `what` could not be done, for the caller to raise."""
    error = StoreError(f"{what}: {reason}")
    error.out_of_files = reason == OUT_OF_FILES
    error.outside = reason in (OUT_OF_FILES, DISK_FULL, NOT_ALLOWED, NOT_READABLE)
    return error


def kept_for_later(error: StoreError, places: Sequence[str], by: str) -> StoreError:
    """The error of an end that is not recorded yet, for the caller to raise: `places` are those of the run's
    images, `by` is what records them."""
    if not places:
        return error
    kept, them = _kept(places)
    return _with_more(error, f"{kept}; when that is mended, {by}, enters {them} in the ledger")


def kept_without_record(error: StoreError, places: Sequence[str], before: str) -> StoreError:
    """The error of an end that is lost, for the caller to raise: nothing names the images at these `places`,
    which are to be copied `before` something deletes them."""
    if not places:
        return error
    kept, them = _kept(places)
    return _with_more(
        error, f"{kept}, but the ledger could not take {them}: copy {them} elsewhere, {before} {them}"
    )


def _with_more(error: StoreError, more: str) -> StoreError:
    told = StoreError(f"{str(error).rstrip('.')}. {more}")
    told.out_of_files, told.outside = error.out_of_files, error.outside
    return told


def _kept(places: Sequence[str]) -> tuple[str, str]:
    """That a run's images are kept, and where; and what they are called from then on."""
    what, them = ("image is", "it") if len(places) == 1 else (f"{len(places)} images are", "them")
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return f"Its {what} kept, in {', '.join(places[:_MOST_NAMED])}{more}", them


def check_room(used: int, reserved: int, limit: int | None) -> None:
    """Whether a run may start. Raises `StorageLimitReached`."""
    if limit is None or used + reserved < limit:
        return
    waiting = f", {reserved:,} more are reserved for runs under way" if reserved else ""
    raise StorageLimitReached(
        f"storage is full: {used:,} of {limit:,} bytes are in use{waiting}. Nothing was generated. "
        f"Raise storage_limit, {'wait for those runs, ' if reserved else ''}or use another store"
    )


class _Ledger(Protocol):
    """What knows of all runs what they have cost."""

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending: ...


def check_budget(ledger: _Ledger, run: LedgerEntry, budget: Budget | None) -> None:
    """Whether a run may start under all bounds of a budget. Raises `BudgetExceeded`."""
    if budget is None or run.ceiling_ticks == 0:
        return
    check_spending("run_budget", run, Spending(), budget.run)
    if budget.session is not None:
        before = ledger.spending(emulated=run.emulated, session=run.session)
        check_spending("session_budget", run, before, budget.session)
    if budget.total is not None:
        check_spending("budget", run, ledger.spending(emulated=run.emulated), budget.total)


def cell_taken() -> CellTaken:
    """The error for a cell that another run is for, for the caller to raise."""
    return CellTaken(
        "another process is running this cell of the sweep, or has run it; nothing was sent. Run the "
        "sweep again to load its result"
    )


def check_spending(option: str, run: LedgerEntry, before: Spending, most: int | None) -> None:
    """Whether a run may start under a budget, named by its `option`. Raises `BudgetExceeded`."""
    if most is None:
        return
    limit, ceiling = _dollars(most), run.ceiling_ticks
    what = "run" if run.count else "question"
    if ceiling is None:
        raise BudgetExceeded(
            f"{option} = {limit}: there is no upper bound for the cost of this {what}. Nothing was sent"
        )
    if before.unbounded:
        plural = "s" if before.unbounded > 1 else ""
        remedy = "another store, or session_budget, which counts only the runs of this kernel"
        raise BudgetExceeded(
            f"{option} = {limit}: {before.unbounded} earlier run{plural} may have cost money, but it is "
            f"unknown how much. Nothing was sent. Use {remedy if option == 'budget' else 'a new kernel'}"
        )
    if before.spent + before.reserved + ceiling <= most:
        return
    left = _dollars(max(most - before.spent - before.reserved, 0))
    under_way = f", {_dollars(before.reserved)} reserved for runs under way" if before.reserved else ""
    counted = f"; {_dollars(before.spent)} is spent{under_way}, {left} is left"
    cheaper = (
        "Ask for fewer images, a smaller size or a lower quality" if run.count else "Ask a cheaper model"
    )
    for_now = before.spent + ceiling <= most
    wait = ", wait for the runs under way" if for_now else ""
    refused = BudgetExceeded(
        f"{option} = {limit}: this {what} can cost up to {_dollars(ceiling)}"
        f"{'' if option == 'run_budget' else counted}. Nothing was sent. {cheaper}{wait}, or raise {option}"
    )
    refused.for_now = for_now
    raise refused


def _dollars(ticks: int) -> str:
    return money.show(money.from_ticks(ticks))
