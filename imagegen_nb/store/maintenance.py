"""Maintenance of a store: check it, write again what it has twice, delete files that nothing refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from imagegen_nb.core.words import counted
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import AssetRecord, LedgerEntry, Store
from imagegen_nb.store.maintainable import MAY_NOT_BE_READ, Maintainable, Maintenance, Unused


class LostImage(NamedTuple):
    """A record whose bytes are gone or not what they were, and what is wrong with them."""

    record: AssetRecord
    problem: str


class AffectedRun(NamedTuple):
    """A run of which images are lost: its entry in the ledger (None for images that were put into the store
    outside of any, or where the ledger has lost it), and how many of its images are."""

    run: LedgerEntry | None
    lost: int
    images: int

    @property
    def can_run_again(self) -> bool:
        """Whether the ledger has the prompt and the settings to run it again."""
        return self.run is not None and bool(self.run.settings_json)


@dataclass(slots=True, kw_only=True)
class Report:
    """What a store holds, and all that is wrong with it. `runs` is the ledger.

    `damage` is what is wrong with the ledger itself, `can_be_mended` whether `rebuild` may help there, `lost`
    the images without their bytes. `unreadable` says what this user may not read, of which nothing is known,
    and `read_only` that they may not write, so that runs whose process is gone stay under way. `orphans` are
    files that nothing refers to, by their path in the store, `recent` those of them that are too young to be
    deleted; they do no harm. `requests` counts what a service was asked, by kind, and the `bytes` it sent.
    """

    records: tuple[AssetRecord, ...] = ()
    runs: tuple[LedgerEntry, ...] = ()
    orphans: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    damage: list[str] = field(default_factory=list)
    can_be_mended: bool = True
    unreadable: tuple[str, ...] = ()
    read_only: bool = False
    lost: tuple[LostImage, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """All that is wrong, in words."""
        images = (f"image {one.record.id} ({one.record.file_name}): {one.problem}" for one in self.lost)
        return [*self.damage, *self.unreadable, *images]

    @property
    def interrupted(self) -> tuple[LedgerEntry, ...]:
        """The runs that ended while a request may have been under way."""
        return tuple(run for run in self.runs if run.state == "interrupted")

    @property
    def under_way(self) -> int:
        """How many runs some process is carrying out."""
        return sum(run.state == "calling" for run in self.runs)

    @property
    def submitted(self) -> int:
        """How many runs are in batches of their providers."""
        return sum(run.state == "submitted" for run in self.runs)

    @property
    def affected(self) -> tuple[AffectedRun, ...]:
        """The runs of which images are lost, in the order of their images."""
        runs = {run.run_id: run for run in self.runs}
        images = Counter(record.run_id for record in self.records)
        lost = Counter(one.record.run_id for one in self.lost)
        return tuple(AffectedRun(runs.get(name), many, images[name]) for name, many in lost.items())


class Removal(NamedTuple):
    """The files that `gc` removed, or would remove, by their path in the store; `recent` ones stay, which are
    unused but too young; `requests` as in `Report`."""

    removed: tuple[str, ...]
    recent: tuple[str, ...]
    requests: Mapping[str, int]


def exists(store: Store) -> bool:
    """Whether there is a store at its address; nothing is made by asking. Raises `StoreError`."""
    return _maintenance(store).exists()


def check(store: Store, *, quick: bool = False) -> Report:
    """Read everything and compare it: the ledger, and each image by its length and SHA-256.

    `quick` reads no image, and compares lengths alone. Raises `StoreError` where it cannot be looked at.
    """
    return _check(_maintenance(store), quick=quick)


def rebuild(store: Store) -> Report:
    """Write again what the store has twice, and check the result.

    In a folder the index, from the manifests beside it, while the old one is put aside; below a URL entries
    of the log and its segments, each from the other. Raises `StoreError`.
    """
    maintenance = _maintenance(store)
    maintenance.mend()
    return _check(maintenance)


def gc(store: Store, *, dry_run: bool = False) -> Removal:
    """Delete images without a record, thumbnails of such, and what kills left; `dry_run` only tells of them.

    Raises `StoreError` while a run is under way, whose images have no records yet, and for a damaged store,
    where what the damaged part refers to would look unused.
    """
    maintenance = _maintenance(store)
    with maintenance.at_rest() as contents:
        if contents.problems:
            raise StoreError(
                f"nothing was deleted: {contents.problems[0]}. Look at it with: imagegen-nb store check"
            )
        unused = maintenance.unused(contents.named)
        removed = unused.removable if dry_run else maintenance.remove(unused.removable)
    return Removal(removed, unused.recent, maintenance.requests)


def _maintenance(store: Store) -> Maintenance:
    if isinstance(store, Maintainable):
        return store.maintenance()
    raise StoreError(f"{type(store).__name__} is not a store that can be checked, rebuilt or cleaned up here")


def _check(maintenance: Maintenance, *, quick: bool = False) -> Report:
    contents = maintenance.read(quick=quick)
    wrong = list(_lost(maintenance, contents.records, quick=quick))
    lost = tuple(one for one in wrong if one.problem != MAY_NOT_BE_READ)
    unreadable = contents.unreadable
    if closed := len(wrong) - len(lost):
        images = counted(len(contents.records), "image")
        unreadable += [f"{closed:,} of {images} may not be read by this user"]
    # What an unreadable part of the ledger refers to would look unused.
    unused = maintenance.unused(contents.named) if contents.is_whole else Unused()
    return Report(
        records=contents.records,
        runs=contents.runs,
        damage=contents.problems,
        can_be_mended=contents.can_be_mended,
        unreadable=tuple(unreadable),
        read_only=contents.read_only,
        lost=lost,
        orphans=unused.removable,
        recent=unused.recent,
        requests=maintenance.requests,
    )


def _lost(maintenance: Maintenance, records: tuple[AssetRecord, ...], *, quick: bool) -> Iterator[LostImage]:
    """The records whose bytes are not what they say; each file is looked at once."""
    by_url = {record.file_url: record for record in records}
    problems = maintenance.broken(list(by_url.values()), quick=quick)
    problem_by_url = dict(zip(by_url, problems, strict=True))
    for record in records:
        if problem := problem_by_url[record.file_url]:
            yield LostImage(record, problem)
