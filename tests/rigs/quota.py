"""Eight processes at the storage limit, one of them killed: how far they pass it, what stays reserved."""

from __future__ import annotations

import os
import random
import shutil
import time
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path

from support.ledger import entry, new

from imagegen_nb.errors import StorageLimitReached
from imagegen_nb.store.local import LocalStore
from rigs import spawning
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 100, 3
_PROCESSES = 8
_ESTIMATE = 1_000
_LIMIT = 12_500


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each round fills a new store to its limit."""
    dice = random.Random(7)
    over, below, stuck, failed, most = [], [], [], [], 0
    for number in range(cycles):
        place = folder / f"round-{number}"
        children = [spawning.fork(partial(_fill, place, dice.random())) for _ in range(_PROCESSES)]
        time.sleep(dice.uniform(0, 0.1))
        spawning.kill(children.pop())
        failed += [number for child in children if not spawning.ended_well(child)]
        store = LocalStore(place)
        used = store.used
        over += [used - _LIMIT] if used >= _LIMIT + _ESTIMATE else []
        below += [used] if used < _LIMIT else []
        most = max(most, used - _LIMIT)
        stuck += [run.run_id for run in store.runs() if run.state == "calling"]
        store.close()
        shutil.rmtree(place)
    return [
        count(f"rounds of {_PROCESSES} processes", cycles),
        Figure("most bytes past the limit", str(most), f"< {_ESTIMATE:,}: one run", most < _ESTIMATE),
        none_of("rounds past the limit by more than one run", over),
        none_of("rounds that ended below the limit", below),
        none_of("reservations left behind", stuck),
        none_of("processes that failed", failed),
    ]


def _fill(folder: Path, seed: float) -> None:
    """Runs of random sizes until the store is full."""
    store, dice = LocalStore(folder), random.Random(seed)
    while True:
        run = entry(estimate=_ESTIMATE)
        try:
            store.begin(run, _LIMIT)
        except StorageLimitReached:
            if store.used >= _LIMIT:
                os._exit(0)
            time.sleep(0.002)  # others are under way, and may need less than they have reserved
            continue
        data = uuid.uuid4().bytes * (_ESTIMATE // 16)
        image = new(store, data[: dice.randint(1, _ESTIMATE)], run_id=run.run_id)
        store.finish(replace(run, state="done", charge="charged"), [image])
