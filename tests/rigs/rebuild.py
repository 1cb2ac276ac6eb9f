"""The index overwritten with garbage somewhere, or deleted: built again, it must be what it was."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from support.ledger import entry, new

from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 200, 20
_GARBAGE = 512


def run(cycles: int, folder: Path) -> list[Figure]:
    """Every fourth time the index is deleted, else overwritten at a random place."""
    dice = random.Random(3)
    store = LocalStore(folder / "store")
    _fill(store)
    differ, problems, deleted = [], [], 0
    for number in range(cycles):
        before = _content(store)
        store.close()
        whole = store.paths.database.read_bytes()
        if number % 4 == 0:
            store.paths.database.unlink()
            deleted += 1
        else:
            at = dice.randrange(len(whole) - _GARBAGE)
            store.paths.database.write_bytes(whole[:at] + dice.randbytes(_GARBAGE) + whole[at + _GARBAGE :])
            problems += maintenance.rebuild(store).problems
        if _content(store) != before:
            differ.append(number)
    store.close()
    return [
        count("times overwritten", cycles - deleted),
        count("times deleted", deleted),
        none_of("rebuilt indexes that differ", differ),
        none_of("problems found afterwards", problems),
    ]


def _fill(store: LocalStore) -> None:
    runs = [entry() for _ in range(30)]
    for run in runs:
        store.begin(run, None)
    for number, run in enumerate(reversed(runs)):
        state = ("done", "failed", "interrupted")[number % 3]
        images = [new(store, run.run_id.encode(), run_id=run.run_id)] * 3 if state == "done" else []
        store.finish(replace(run, state=state), images)


def _content(store: LocalStore) -> tuple[object, ...]:
    return list(store.records()), list(store.runs()), store.used
