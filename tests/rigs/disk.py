"""A disk that is full at every possible write: what was acknowledged stays, nothing is half, and it heals.

Half the trials fill a small tmpfs, where one may be mounted; the others limit the size of files.
"""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from support.disks import fill_up, small_disk
from support.ledger import entry, new

from imagegen_nb.errors import StoreError
from imagegen_nb.store import maintenance
from imagegen_nb.store.base import AssetRecord, LedgerEntry
from imagegen_nb.store.local import LocalStore
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 200, 16
_SPACE = 3 * 1024 * 1024
_ROOM = 150_000
"""Bytes free at most when a trial begins: a few runs' worth."""


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each trial makes runs until one meets the full disk, then makes room and goes on."""
    dice = random.Random(9)
    with small_disk(folder / "tmpfs", _SPACE) as small:
        mounted = small is not None
        stores = {True: LocalStore((small or folder) / "store"), False: LocalStore(folder / "limited")}
        refused, lost, problems, unhealed = 0, [], [], []
        kept: dict[bool, dict[str, bytes]] = {True: {}, False: {}}
        for number in range(cycles):
            on_disk = mounted and number % 2 == 0
            store, images = stores[on_disk], kept[on_disk]
            with _full(store, dice.randrange(_ROOM), on_disk):
                refused += _until_refused(store, images, dice)
            if _until_refused(store, images, dice, most=1):
                unhealed.append(number)
            lost += [name for name, data in images.items() if _bytes(store, name) != data]
            problems += maintenance.check(store).problems
            maintenance.gc(store)
            if on_disk and store.used > _SPACE // 3:
                stores[True], kept[True] = _fresh(store), {}
        for store in stores.values():
            store.close()
    return [
        count("trials", cycles),
        count("writes refused", refused),
        Figure("a small tmpfs was used", str(mounted).lower(), "true where allowed", True),
        none_of("acknowledged images lost or half", lost),
        none_of("problems a check finds", problems),
        none_of("stores that did not heal", unhealed),
    ]


def _until_refused(store: LocalStore, kept: dict[str, bytes], dice: random.Random, most: int = 12) -> int:
    """Make runs until one is refused, keeping what was acknowledged; how many were."""
    for _ in range(most):
        run = entry()
        try:
            store.begin(run, None)
            images = [dice.randbytes(dice.randrange(1, 40_000)) for _ in range(2)]
            stored = _end(store, run, images)
        except StoreError:  # it could not be entered, or not ended: it is over
            return 1
        if not stored:
            return 1
        kept |= {record.id: data for record, data in zip(stored, images, strict=True)}
    return 0


def _end(store: LocalStore, run: LedgerEntry, images: list[bytes]) -> tuple[AssetRecord, ...]:
    """Record the images of a run and its end; its end only, where they cannot be written down."""
    try:
        files = [new(store, data, run_id=run.run_id) for data in images]
    except StoreError:
        return store.finish(replace(run, state="failed"), [])
    return store.finish(replace(run, state="done", charge="charged"), files)


def _bytes(store: LocalStore, asset_id: str) -> bytes:
    with store.open(asset_id) as file:
        return file.read()


@contextmanager
def _full(store: LocalStore, room: int, on_disk: bool) -> Iterator[None]:
    """Leave only `room` bytes, of the disk or of each file, inside the block."""
    if not on_disk:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return
    ballast = fill_up(store.folder.parent, but=room)
    try:
        yield
    finally:
        ballast.unlink()


def _fresh(store: LocalStore) -> LocalStore:
    """An empty store in the place of a full one."""
    store.close()
    shutil.rmtree(store.folder)
    return LocalStore(store.folder)
