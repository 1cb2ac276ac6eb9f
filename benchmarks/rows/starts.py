"""Row 6: what a run's start costs while others are under way, in this process or in another."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
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
                    what=f"start of a run beside others under way{where}",
                    metric="start_ms",
                    unit="ms",
                    ours=ours,
                    grows=True,
                    aims=(Aim(1.5, GROWTH),),
                )
                for ours, where in {"ours": "", "others in another process": " elsewhere"}.items()
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
        times = []
        for number in range(setting.repeats + 1):
            began = time.perf_counter()
            with database:
                database.execute("INSERT INTO run VALUES (?, 'calling')", (f"new {number}",))
            times.append((time.perf_counter() - began) * 1000)
    return {"start_ms": statistics.median(times[1:])}


def _starts(setting: Setting) -> Metrics:
    from imagegen_nb.store.local import LocalStore

    store, times = LocalStore(setting.folder / "store"), []
    for _ in range(setting.repeats + 1):  # the first opens the database
        run = entry()
        began = time.perf_counter()
        store.begin(run, None)
        times.append((time.perf_counter() - began) * 1000)
        store.finish(replace(run, state="failed"), [])
    return {"start_ms": statistics.median(times[1:])}
