"""Eight processes that spend up to a budget, some of them killed: how much they use, and that none passes it.

Each run reserves the most that it can cost and costs less in the end, as with providers; a killed one may
have cost all of it, and counts so.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from support.ledger import entry, new

from imagegen_nb.errors import BudgetExceeded
from imagegen_nb.store.base import Budget
from imagegen_nb.store.local import LocalStore
from rigs import spawning
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 100, 3
_PROCESSES, _KILLED = 8, 2
_CEILING = 1_000
"""Ticks that a run can cost."""
_BUDGET = 40_500


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each round spends a new store's budget."""
    dice = random.Random(11)
    over, unspent, stuck, failed, highest = [], [], [], [], 0
    for number in range(cycles):
        place = folder / f"round-{number}"
        children = [spawning.fork(partial(_spend, place, dice.random())) for _ in range(_PROCESSES)]
        for _ in range(_KILLED):
            time.sleep(dice.uniform(0, 0.1))
            spawning.kill(children.pop())
        failed += [number for child in children if not spawning.ended_well(child)]
        store = LocalStore(place)
        spent = store.spending(emulated=False)
        highest = max(highest, spent.spent)
        over += [spent.spent] if spent.spent + spent.reserved > _BUDGET else []
        unspent += [spent.spent] if spent.spent + _CEILING <= _BUDGET else []
        stuck += [run.run_id for run in store.runs() if run.state == "calling"]
        store.close()
        shutil.rmtree(place)
    return [
        count(f"rounds of {_PROCESSES} processes, {_KILLED} of them killed", cycles),
        Figure("most of the budget that was spent", str(highest), f"<= {_BUDGET:,}", highest <= _BUDGET),
        none_of("rounds past the budget", over),
        none_of("rounds that stopped while a run could still be paid", unspent),
        none_of("reservations left behind", stuck),
        none_of("processes that failed", failed),
    ]


def _spend(folder: Path, seed: float) -> None:
    """Runs of random costs until the budget lets none begin."""
    store, dice = LocalStore(folder), random.Random(seed)
    while True:
        run = entry(ceiling_ticks=_CEILING, emulated=False)
        try:
            store.begin(run, None, Budget(total=_BUDGET))
        except BudgetExceeded:
            if store.spending(emulated=False).spent + _CEILING > _BUDGET:
                os._exit(0)
            time.sleep(0.002)  # others are under way, and may cost less than they have reserved
            continue
        image = new(store, run.run_id.encode(), run_id=run.run_id)
        cost = dice.randint(1, _CEILING)
        store.finish(replace(run, state="done", charge="charged", cost_ticks=cost), [image])
