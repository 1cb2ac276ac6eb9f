"""The index's tables, and how records and ledger entries are written into them and read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields

from imagegen_nb.store.base import LedgerEntry, StoredAsset
from imagegen_nb.store.paths import Places

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS asset (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        file_name TEXT NOT NULL,
        file_size INTEGER NOT NULL,
        file_type TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        emulated INTEGER NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS asset_run ON asset (run_id)",
    "CREATE TABLE IF NOT EXISTS total "
    "(one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT",
    "INSERT OR IGNORE INTO total VALUES (1, 0)",
    "CREATE TRIGGER IF NOT EXISTS asset_added AFTER INSERT ON asset "
    "BEGIN UPDATE total SET bytes = bytes + NEW.file_size; END",
    "CREATE TRIGGER IF NOT EXISTS asset_removed AFTER DELETE ON asset "
    "BEGIN UPDATE total SET bytes = bytes - OLD.file_size; END",
    """
    CREATE TABLE IF NOT EXISTS run (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        count INTEGER NOT NULL,
        estimate INTEGER NOT NULL,
        emulated INTEGER NOT NULL,
        state TEXT NOT NULL,
        charge TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS run_calling ON run (estimate) WHERE state = 'calling'",
)
_ASSET = tuple(field.name for field in fields(StoredAsset) if field.name != "file_url")
_RUN = tuple(field.name for field in fields(LedgerEntry))


def used(index: sqlite3.Connection) -> int:
    """Bytes of all records."""
    return int(index.execute("SELECT bytes FROM total").fetchone()[0])


def reserved(index: sqlite3.Connection) -> int:
    """Bytes that the runs under way may need."""
    found = index.execute("SELECT coalesce(sum(estimate), 0) FROM run WHERE state = 'calling'").fetchone()
    return int(found[0])


def add_assets(index: sqlite3.Connection, assets: Iterable[StoredAsset], order: int = 0) -> int:
    """Add records, at `order` or after all that are there, and return the order of the first."""
    first = max(order, _last(index, "asset") + 1)
    columns, marks = ", ".join(_ASSET), ", ".join("?" * (len(_ASSET) + 1))
    # The names are this file's own. One that is there already came from a sidecar.
    statement = f"INSERT INTO asset (seq, {columns}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"  # noqa: S608
    for seq, asset in enumerate(assets, first):
        index.execute(statement, (seq, *(getattr(asset, name) for name in _ASSET)))
    return first


def put_run(index: sqlite3.Connection, run: LedgerEntry, order: int = 0) -> int:
    """Enter a run, or how it goes on where it is entered already, and return its order."""
    seq = max(order, _last(index, "run") + 1)
    columns, marks = ", ".join(_RUN), ", ".join("?" * (len(_RUN) + 1))
    statement = (
        f"INSERT INTO run (seq, {columns}) VALUES ({marks}) ON CONFLICT (run_id) DO UPDATE SET "  # noqa: S608
        "state = excluded.state, charge = excluded.charge, ended_at = excluded.ended_at"
    )
    index.execute(statement, (seq, *astuple(run)))
    return int(index.execute("SELECT seq FROM run WHERE run_id = ?", (run.run_id,)).fetchone()[0])


def assets(
    index: sqlite3.Connection, places: Places, where: str = "", values: Sequence[object] = ()
) -> list[StoredAsset]:
    """Records, oldest first."""
    rows = index.execute(
        f"SELECT {', '.join(_ASSET)} FROM asset {where} ORDER BY seq",  # noqa: S608 - own names
        values,
    )
    return [_asset(places, row) for row in rows.fetchall()]


def runs(index: sqlite3.Connection, where: str = "", values: Sequence[object] = ()) -> list[LedgerEntry]:
    """Ledger entries, oldest first."""
    rows = index.execute(f"SELECT {', '.join(_RUN)} FROM run {where} ORDER BY seq", values)  # noqa: S608
    return [_run(row) for row in rows.fetchall()]


def order_of(index: sqlite3.Connection, asset: StoredAsset) -> int:
    """The place of a record among all others."""
    return int(index.execute("SELECT seq FROM asset WHERE id = ?", (asset.id,)).fetchone()[0])


def _last(index: sqlite3.Connection, table: str) -> int:
    row = index.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _asset(places: Places, row: tuple[object, ...]) -> StoredAsset:
    values = dict(zip(_ASSET, row, strict=True))
    values["emulated"] = bool(values["emulated"])
    url = places.blob(str(values["sha256"]), str(values["file_type"])).as_uri()
    return StoredAsset(file_url=url, **values)  # type: ignore[arg-type]


def _run(row: tuple[object, ...]) -> LedgerEntry:
    values = dict(zip(_RUN, row, strict=True))
    values["emulated"] = bool(values["emulated"])
    return LedgerEntry(**values)  # type: ignore[arg-type]
