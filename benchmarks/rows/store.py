"""Row 6: what the store does around each image, with ten records in it or a hundred thousand."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.pictures import photograph
from benchmarks.stores import entry, staged, store_of

_HERE = "benchmarks.rows.store"
_PAGE = 50
_TASKS = {
    "begin_ms": "begin a run",
    "limit_ms": "begin a run, with a limit",
    "finish_ms": "finish a run",
    "put_ms": "put an image",
    "get_ms": "get an image's record",
    "used_ms": "bytes in use",
    "records_ms": f"the first {_PAGE} records",
    "runs_ms": f"the first {_PAGE} runs",
}
_PAGES = ("records_ms", "runs_ms")


def cases(scale: Scale) -> list[Case]:
    """What is done all the time, and what is done to the whole."""
    whole = Aim(scale.pick(60, 15.5)), Aim(scale.pick(60, 6.0))
    return [
        Case(
            row=6,
            name="store/operations",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:operations"),
                Contender(name="plain SQLite", role="floor", function=f"{_HERE}:operations_of_sqlite"),
            ),
            figures=tuple(
                Figure(
                    what=title,
                    metric=metric,
                    unit="ms",
                    grows=True,
                    aims=(Aim(1.5, GROWTH), *((Aim(5.0),) if metric in _PAGES else ())),
                )
                for metric, title in _TASKS.items()
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
                Figure(what="rebuild", metric="rebuild_s", unit="s", aims=whole[:1]),
                Figure(what="check", metric="check_s", unit="s", aims=whole[1:]),
            ),
            sizes=scale.pick((5,), (1000, 100_000)),
            counted="records",
            rounds=2,
        ),
    ]


def operations(setting: Setting) -> Metrics:
    """A store in a folder, used as runs use it."""
    store, picture = store_of(setting.size, setting.shared, setting.folder), photograph(8)
    taken: dict[str, list[float]] = {metric: [] for metric in _TASKS}
    ids = [record.id for record in store.records()]
    for number in range(setting.repeats + 1):  # the first opens the database
        unlimited, limited = entry(), entry()
        with _timing(taken["begin_ms"], number):
            store.begin(unlimited, None)
        with _timing(taken["limit_ms"], number):
            store.begin(limited, 10**15)
        image, loose = staged(store, limited.run_id, picture), staged(store, "", picture)
        with _timing(taken["finish_ms"], number):
            store.finish(replace(limited, state="done"), [image])
        store.finish(replace(unlimited, state="failed"), [])
        with _timing(taken["put_ms"], number):
            store.put([loose])
        with _timing(taken["get_ms"], number):
            store.get(random.choice(ids))
        with _timing(taken["used_ms"], number):
            assert store.used
        with _timing(taken["records_ms"], number):
            _page(store.records())
        with _timing(taken["runs_ms"], number):
            _page(store.runs())
    store.close()
    return {metric: statistics.median(times) for metric, times in taken.items()}


def operations_of_sqlite(setting: Setting) -> Metrics:
    """The same questions to two indexed tables, each write durable; no manifests, locks, images."""
    with closing(_plain_database(setting.folder / "plain.sqlite3", setting.size)) as database:
        taken: dict[str, list[float]] = {metric: [] for metric in _TASKS}
        for number in range(setting.repeats + 1):
            run, asset = setting.size + 2 * number, f"new {number}"
            for offset, metric in enumerate(("begin_ms", "limit_ms")):
                with _timing(taken[metric], number), database:
                    database.execute("SELECT bytes FROM total").fetchone()
                    database.execute("INSERT INTO run VALUES (NULL, ?, 'calling')", (f"run {run + offset}",))
            with _timing(taken["finish_ms"], number), database:
                database.execute("UPDATE run SET state = 'done' WHERE id = ?", (f"run {run}",))
                database.execute("INSERT INTO asset VALUES (NULL, ?, 100, '')", (asset,))
                database.execute("UPDATE total SET bytes = bytes + 100")
            with _timing(taken["put_ms"], number), database:
                database.execute("INSERT INTO asset VALUES (NULL, ?, 100, '')", (f"loose {number}",))
                database.execute("UPDATE total SET bytes = bytes + 100")
            with _timing(taken["get_ms"], number):
                database.execute("SELECT * FROM asset WHERE id = ?", (asset,)).fetchall()
            with _timing(taken["used_ms"], number):
                database.execute("SELECT bytes FROM total").fetchone()
            for metric, table in zip(_PAGES, ("asset", "run"), strict=True):
                with _timing(taken[metric], number):
                    database.execute(f"SELECT * FROM {table} ORDER BY seq LIMIT {_PAGE}").fetchall()
    return {metric: statistics.median(times) for metric, times in taken.items()}


def maintenance(setting: Setting) -> Metrics:
    """The commands `imagegen-nb store check` and `rebuild`, without their output."""
    from imagegen_nb.store import maintenance as upkeep

    store = store_of(setting.size, setting.shared, setting.folder)
    before = set(store.folder.iterdir())
    began = time.perf_counter()
    assert not upkeep.check(store).problems
    checked = time.perf_counter()
    assert not upkeep.rebuild(store).problems
    rebuilt = time.perf_counter()
    store.close()
    for path in set(store.folder.iterdir()) - before:  # the old database
        path.unlink()
    return {"check_s": checked - began, "rebuild_s": rebuilt - checked}


def read_and_hash(setting: Setting) -> Metrics:
    """Read every manifest and hash every image, one by one; to rebuild, also insert them into one table."""
    store = store_of(setting.size, setting.shared, setting.folder)
    began = time.perf_counter()
    _read_all(store.folder)
    checked = time.perf_counter()
    rows = _read_all(store.folder)
    with closing(sqlite3.connect(setting.folder / "plain.sqlite3")) as database, database:
        database.execute("CREATE TABLE asset (id TEXT PRIMARY KEY, digest TEXT)")
        database.executemany("INSERT INTO asset VALUES (?, ?)", rows)
    return {"check_s": checked - began, "rebuild_s": time.perf_counter() - checked}


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


@contextmanager
def _timing(times: list[float], number: int) -> Iterator[None]:
    """Add the milliseconds of the block, but for the first time round."""
    began = time.perf_counter()
    yield
    if number:
        times.append((time.perf_counter() - began) * 1000)
