"""Row 6: what a run's start costs while others are under way, in this process or in another."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import Clock
from benchmarks.stores import entry

_HERE = "benchmarks.rows.starts"


def cases(scale: Scale) -> list[Case]:
    """One case: the number of runs under way is its size."""
    return [
        Case(
            row=6,
            name="starts",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:here"),
                Contender(name="others in another process", role="ours", function=f"{_HERE}:elsewhere"),
                Contender(name="plain SQLite", role="floor", function=f"{_HERE}:of_sqlite"),
            ),
            figures=tuple(
                Figure(
                    what=f"start beside others under way{where}, {shown}",
                    metric=metric,
                    unit="ms",
                    ours=ours,
                    grows=True,
                    aims=(Aim(1.5, GROWTH),) if shown == "CPU" else (),
                )
                for ours, where in {"ours": "", "others in another process": " elsewhere"}.items()
                for shown, metric in {"CPU": "start_cpu_ms", "wall": "start_wall_ms"}.items()
            ),
            sizes=scale.pick((0, 3), (0, 64, 300)),
            counted="runs under way",
            repeats=15,
        )
    ]


def here(setting: Setting) -> Metrics:
    """All of them are runs of this process."""
    from imagegen_nb.store.local import LocalStore

    store = LocalStore(setting.folder / "store")
    for _ in range(setting.size):
        store.begin(entry(), None)
    return _starts(setting)


def elsewhere(setting: Setting) -> Metrics:
    """The others are runs of another process, which holds them as long as it lives."""
    program = (
        "import sys; from imagegen_nb.store.local import LocalStore; from benchmarks.stores import entry\n"
        "store = LocalStore(sys.argv[1])\n"
        "for _ in range(int(sys.argv[2])): store.begin(entry(), None)\n"
        "print('begun', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(setting.folder / "store"), str(setting.size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"
        return _starts(setting)


def of_sqlite(setting: Setting) -> Metrics:
    """A row that is committed durably; nobody asks whether the others are still alive."""
    with closing(sqlite3.connect(setting.folder / "plain.sqlite3")) as database:
        database.executescript("PRAGMA synchronous = FULL; CREATE TABLE run (id TEXT UNIQUE, state TEXT)")
        with database:
            others = ((f"{number}", "calling") for number in range(setting.size))
            database.executemany("INSERT INTO run VALUES (?, ?)", others)
        clock = Clock()
        for number in range(setting.repeats + 1):
            with clock.timing("start"), database:
                database.execute("INSERT INTO run VALUES (?, 'calling')", (f"new {number}",))
    return clock.medians()


def _starts(setting: Setting) -> Metrics:
    from imagegen_nb.store.local import LocalStore

    store, clock = LocalStore(setting.folder / "store"), Clock()
    for _ in range(setting.repeats + 1):  # the first opens the database
        run = entry()
        with clock.timing("start"):
            store.begin(run, None)
        store.finish(replace(run, state="failed"), [])
    return clock.medians()
