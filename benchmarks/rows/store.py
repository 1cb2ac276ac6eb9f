"""Row 6: what the store does around each image, with ten records in it or a hundred thousand."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import Clock
from benchmarks.pictures import photograph
from benchmarks.stores import entry, staged, store_of

_HERE = "benchmarks.rows.store"
_PAGE = 50
_TASKS = {
    "begin": "begin a run",
    "limit": "begin a run, with a limit",
    "finish": "finish a run",
    "put": "put an image",
    "get": "get an image's record",
    "used": "bytes in use",
    "records": f"the first {_PAGE} records",
    "runs": f"the first {_PAGE} runs",
}
_PAGES = ("records", "runs")
_WRITES = ("begin", "finish", "put")
"""Tasks that wait for the disk: its share hides what grows, so the aim is over their CPU."""


def cases(scale: Scale) -> list[Case]:
    """What is done all the time, and what is done to the whole."""
    sizes = scale.pick((5,), (1000, 100_000))
    whole = Aim(scale.pick(60, 15.5)), Aim(scale.pick(60, 6.0))
    return [
        Case(
            row=6,
            name="store/operations",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:operations"),
                Contender(name="plain SQLite", role="floor", function=f"{_HERE}:operations_of_sqlite"),
            ),
            figures=(
                *(
                    Figure(
                        what=f"{title}, CPU",
                        metric=f"{task}_cpu_ms",
                        unit="ms",
                        grows=True,
                        aims=(Aim(1.5, GROWTH), *((Aim(5.0),) if task in _PAGES else ())),
                    )
                    for task, title in _TASKS.items()
                ),
                *(
                    Figure(what=f"{_TASKS[task]}, wall", metric=f"{task}_wall_ms", unit="ms", grows=True)
                    for task in _WRITES
                ),
            ),
            sizes=scale.pick((3, 6), (10, 1000, 100_000)),
            counted="records",
            rounds=3,
            repeats=15,
        ),
        Case(
            row=6,
            name="store/maintenance",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:maintenance"),
                Contender(name="read and hash", role="floor", function=f"{_HERE}:read_and_hash"),
            ),
            figures=(
                Figure(what=f"rebuild {sizes[-1]:,}, CPU", metric="rebuild_cpu_s", unit="s", aims=whole[:1]),
                Figure(what=f"check {sizes[-1]:,}, CPU", metric="check_cpu_s", unit="s", aims=whole[1:]),
                Figure(what=f"rebuild {sizes[-1]:,}, wall", metric="rebuild_wall_s", unit="s"),
                Figure(what=f"check {sizes[-1]:,}, wall", metric="check_wall_s", unit="s"),
            ),
            sizes=sizes,
            counted="records",
            rounds=2,
        ),
    ]


def operations(setting: Setting) -> Metrics:
    """A store in a folder, used as runs use it."""
    store, picture = store_of(setting.size, setting.shared, setting.folder), photograph(8)
    clock = Clock()
    ids = [record.id for record in store.records()]
    for _ in range(setting.repeats + 1):  # the first opens the database
        unlimited, limited = entry(), entry()
        with clock.timing("begin"):
            store.begin(unlimited, None)
        with clock.timing("limit"):
            store.begin(limited, 10**15)
        image, loose = staged(store, limited.run_id, picture), staged(store, "", picture)
        with clock.timing("finish"):
            store.finish(replace(limited, state="done"), [image])
        store.finish(replace(unlimited, state="failed"), [])
        with clock.timing("put"):
            store.put([loose])
        with clock.timing("get"):
            store.get(random.choice(ids))
        with clock.timing("used"):
            assert store.used
        with clock.timing("records"):
            _page(store.records())
        with clock.timing("runs"):
            _page(store.runs())
    store.close()
    return clock.medians()


def operations_of_sqlite(setting: Setting) -> Metrics:
    """The same questions to two indexed tables, each write durable; no manifests, locks, images."""
    clock = Clock()
    with closing(_plain_database(setting.folder / "plain.sqlite3", setting.size)) as database:
        for number in range(setting.repeats + 1):
            run, asset = setting.size + 2 * number, f"new {number}"
            for offset, task in enumerate(("begin", "limit")):
                with clock.timing(task), database:
                    database.execute("SELECT bytes FROM total").fetchone()
                    database.execute("INSERT INTO run VALUES (NULL, ?, 'calling')", (f"run {run + offset}",))
            with clock.timing("finish"), database:
                database.execute("UPDATE run SET state = 'done' WHERE id = ?", (f"run {run}",))
                database.execute("INSERT INTO asset VALUES (NULL, ?, 100, '')", (asset,))
                database.execute("UPDATE total SET bytes = bytes + 100")
            with clock.timing("put"), database:
                database.execute("INSERT INTO asset VALUES (NULL, ?, 100, '')", (f"loose {number}",))
                database.execute("UPDATE total SET bytes = bytes + 100")
            with clock.timing("get"):
                database.execute("SELECT * FROM asset WHERE id = ?", (asset,)).fetchall()
            with clock.timing("used"):
                database.execute("SELECT bytes FROM total").fetchone()
            for task, table in zip(_PAGES, ("asset", "run"), strict=True):
                with clock.timing(task):
                    database.execute(f"SELECT * FROM {table} ORDER BY seq LIMIT {_PAGE}").fetchall()
    return clock.medians()


def maintenance(setting: Setting) -> Metrics:
    """The commands `imagegen-nb store check` and `rebuild`, without their output."""
    from imagegen_nb.store import maintenance as upkeep

    store = store_of(setting.size, setting.shared, setting.folder)
    before = set(store.folder.iterdir())
    clock = Clock()
    for _ in range(2):  # of which the second counts: the first reads the disk
        with clock.timing("check"):
            assert not upkeep.check(store).problems
    for _ in range(2):
        with clock.timing("rebuild"):
            assert not upkeep.rebuild(store).problems
    store.close()
    for path in set(store.folder.iterdir()) - before:  # the old database
        path.unlink()
    return clock.seconds()


def read_and_hash(setting: Setting) -> Metrics:
    """Read every manifest and hash every image, one by one; to rebuild, also insert them into one table."""
    store = store_of(setting.size, setting.shared, setting.folder)
    clock = Clock()
    for _ in range(2):
        with clock.timing("check"):
            _read_all(store.folder)
    for number in range(2):
        with clock.timing("rebuild"):
            rows = _read_all(store.folder)
            with closing(sqlite3.connect(setting.folder / f"plain-{number}.sqlite3")) as database, database:
                database.execute("CREATE TABLE asset (id TEXT PRIMARY KEY, digest TEXT)")
                database.executemany("INSERT INTO asset VALUES (?, ?)", rows)
    return clock.seconds()


def _read_all(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in (folder / "runs").iterdir():
        for asset in json.loads(path.read_bytes())["assets"]:
            digest = hashlib.sha256((folder / asset["file_url"]).read_bytes()).hexdigest()
            assert digest == asset["sha256"]
            found.append((asset["id"], digest))
    return found


def _plain_database(path: Path, size: int) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.executescript(
        "PRAGMA synchronous = FULL; CREATE TABLE total (bytes INTEGER); INSERT INTO total VALUES (0);"
        "CREATE TABLE run (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, state TEXT);"
        "CREATE TABLE asset (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, size INTEGER, sha256 TEXT);"
    )
    with database:
        names: Callable[[str], Iterable[tuple[str]]] = lambda of: ((f"{of} {n}",) for n in range(size))  # noqa: E731
        database.executemany("INSERT INTO run VALUES (NULL, ?, 'done')", names("run"))
        database.executemany("INSERT INTO asset VALUES (NULL, ?, 100, '')", names("asset"))
    return database


def _page(found: Iterator[object]) -> list[object]:
    return list(itertools.islice(found, _PAGE))
