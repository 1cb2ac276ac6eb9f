"""The tables of a store's database: records and ledger entries as rows, and what is asked of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from typing import Any, Literal

from imagegen_nb.store import spending_rows
from imagegen_nb.store.base import (
    CHANGED_AT_THE_END,
    UNDER_WAY,
    AssetRecord,
    LedgerEntry,
    RunState,
    Spending,
)
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.opinion_rows import SCHEMA as OPINION_SCHEMA
from imagegen_nb.store.opinion_rows import OpinionRows
from imagegen_nb.store.paths import StorePaths

_SCHEMA = (
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
)
_LATER_RUN_COLUMNS = {
    "prompt": "TEXT NOT NULL DEFAULT ''",
    "settings_json": "TEXT NOT NULL DEFAULT ''",
    "inputs_json": "TEXT NOT NULL DEFAULT ''",
    "call": "TEXT NOT NULL DEFAULT ''",
    "cell": "TEXT NOT NULL DEFAULT ''",
    "result_json": "TEXT NOT NULL DEFAULT ''",
    "session": "TEXT NOT NULL DEFAULT ''",
    "ceiling_ticks": "INTEGER",
    "cost_ticks": "INTEGER",
}
"""Columns of a run that versions before this one did not have; each is added where it is missing."""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS run_calling ON run (estimate) WHERE state = 'calling'",
    "CREATE INDEX IF NOT EXISTS run_submitted ON run (estimate) WHERE state = 'submitted'",
    "CREATE INDEX IF NOT EXISTS run_cell ON run (cell) WHERE cell != ''",
    "CREATE INDEX IF NOT EXISTS run_call ON run (call) WHERE call != ''",
)
PAGE = 50
"""Rows that are read at once: the first comes soon, and no reader keeps a writer waiting."""
Table = Literal["asset", "run"]

_ASSET_COLUMNS = tuple(field.name for field in fields(AssetRecord) if field.name != "file_url")
_RUN_COLUMNS = tuple(field.name for field in fields(LedgerEntry))
_values_of_asset = attrgetter(*_ASSET_COLUMNS)
_values_of_run = attrgetter(*_RUN_COLUMNS)
_ORDER = "max(?, 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
"""The place that is asked for, or the next one that is free."""
_ADD_ASSET = (
    f"INSERT INTO asset (seq, {', '.join(_ASSET_COLUMNS)}) VALUES "  # noqa: S608 - own names
    f"({_ORDER.format(table='asset')}{', ?' * len(_ASSET_COLUMNS)}) ON CONFLICT (id) DO NOTHING"
)
_PUT_RUN = (
    f"INSERT INTO run (seq, {', '.join(_RUN_COLUMNS)}) VALUES "  # noqa: S608 - own names
    f"({_ORDER.format(table='run')}{', ?' * len(_RUN_COLUMNS)}) ON CONFLICT (run_id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in CHANGED_AT_THE_END)}"
)
_PUT_ONE_RUN = f"{_PUT_RUN} RETURNING seq"
"""For one run: `executemany` fails at the second where a statement returns rows, from Python 3.12 on."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables, columns and indexes that are missing; what is there stays. Raises `sqlite3.Error`."""
    for statement in (*_SCHEMA, *OPINION_SCHEMA):
        connection.execute(statement)
    _add_later_columns(connection)
    for statement in (*_INDEXES, *spending_rows.SCHEMA):
        connection.execute(statement)


def _add_later_columns(connection: sqlite3.Connection) -> None:
    """Give the runs of an earlier version the columns they lack; what stands in the others stays."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(run)")}
    for name, declaration in _LATER_RUN_COLUMNS.items():
        if name not in present:
            connection.execute(f"ALTER TABLE run ADD COLUMN {name} {declaration}")


class Tables:
    """Records and ledger entries, as rows of an open database.

    `where` is an SQL clause with `?` for each of `values`. Raises `sqlite3.Error`.
    """

    def __init__(self, connection: sqlite3.Connection, paths: StorePaths) -> None:
        self._connection = connection
        self._paths = paths
        self.opinions = OpinionRows(connection, paths)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: SQLite ends one itself on a full disk."""
        return self._connection.in_transaction

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that only reads: what others commit meanwhile is not seen."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that is undone by itself when the block raises."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE part")

    def used_bytes(self) -> int:
        """The sum of all records' file sizes."""
        return int(self._connection.execute("SELECT bytes FROM total").fetchone()[0])

    def reserved_bytes(self) -> int:
        """The sum of what runs under way may need."""
        # One by one: each has an index of its own.
        query = "SELECT coalesce(sum(estimate), 0) FROM run WHERE state = '{}'"
        sums = (self._connection.execute(query.format(state)).fetchone()[0] for state in UNDER_WAY)
        return sum(map(int, sums))

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        """What runs have cost, all or those of one session."""
        return spending_rows.spending(self._connection, emulated=emulated, session=session)

    def assets(self, where: str = "", values: Sequence[object] = ()) -> list[AssetRecord]:
        """Records, oldest first."""
        query = f"SELECT {', '.join(_ASSET_COLUMNS)} FROM asset {where} ORDER BY seq"  # noqa: S608 - own names
        return [self._asset(row) for row in self._connection.execute(query, values).fetchall()]

    def runs(self, where: str = "", values: Sequence[object] = ()) -> list[LedgerEntry]:
        """Ledger entries, oldest first."""
        query = f"SELECT {', '.join(_RUN_COLUMNS)} FROM run {where} ORDER BY seq"  # noqa: S608 - own names
        return [_run(row) for row in self._connection.execute(query, values).fetchall()]

    def asset_page(
        self, run_id: str | None, beyond: int, last: int, *, newest_first: bool
    ) -> tuple[list[AssetRecord], int]:
        """The next records `beyond` an order, up to the order `last`, and the order of the last of them."""
        rows = self._page("asset", _ASSET_COLUMNS, run_id, (beyond, last), newest_first=newest_first)
        return [self._asset(row[1:]) for row in rows], _order_of_last(rows)

    def run_page(self, beyond: int, last: int, *, newest_first: bool) -> tuple[list[LedgerEntry], int]:
        """The same of ledger entries."""
        rows = self._page("run", _RUN_COLUMNS, None, (beyond, last), newest_first=newest_first)
        return [_run(row[1:]) for row in rows], _order_of_last(rows)

    def _page(
        self,
        table: Table,
        columns: Sequence[str],
        run_id: str | None,
        between: tuple[int, int],
        *,
        newest_first: bool,
    ) -> list[tuple[Any, ...]]:
        beyond, last = between
        low, high, direction = (last, beyond, "DESC") if newest_first else (beyond + 1, last + 1, "ASC")
        where, values = ("", ()) if run_id is None else ("run_id = ? AND ", (run_id,))
        query = (
            f"SELECT seq, {', '.join(columns)} FROM {table} "  # noqa: S608 - own names
            f"WHERE {where}seq >= ? AND seq < ? ORDER BY seq {direction} LIMIT {PAGE}"
        )
        return self._connection.execute(query, (*values, low, high)).fetchall()

    def orders_of_cells(self, prefix: str) -> list[int]:
        """The places of the runs whose cell begins with `prefix`, oldest first."""
        # A range the index knows; the last character is above every one that a cell's name can have.
        return self._orders("cell != '' AND cell >= ? AND cell < ?", (prefix, f"{prefix}\x7f"))

    def orders_of_call(self, call: str) -> list[int]:
        """The places of the runs of one call, oldest first."""
        return self._orders("call != '' AND call = ?", (call,))

    def _orders(self, where: str, values: tuple[str, ...]) -> list[int]:
        # The index has all of it. To look for each page among all of them took quadratic time.
        query = f"SELECT seq FROM run WHERE {where}"  # noqa: S608 - own names
        return sorted(int(row[0]) for row in self._connection.execute(query, values))

    def runs_at(self, orders: Sequence[int]) -> list[LedgerEntry]:
        """The entries at these places, oldest first; a place that is free by now has none."""
        return self.runs(f"WHERE seq IN ({', '.join('?' * len(orders))})", orders)

    def is_taken(self, run: LedgerEntry) -> bool:
        """Whether another run for the same cell has begun."""
        query = "SELECT count(*) FROM run WHERE cell != '' AND cell = ? AND run_id != ?"
        return bool(self._connection.execute(query, (run.cell, run.run_id)).fetchone()[0])

    def order_of(self, table: Table, name: str) -> int | None:
        """The place of a record or run among all others; None where it is not there."""
        column = {"asset": "id", "run": "run_id"}[table]
        query = f"SELECT seq FROM {table} WHERE {column} = ?"  # noqa: S608 - own names
        row = self._connection.execute(query, (name,)).fetchone()
        return int(row[0]) if row else None

    def last_order(self, table: Table) -> int:
        """The highest place there is; 0 where there is none."""
        query = f"SELECT coalesce(max(seq), 0) FROM {table}"  # noqa: S608 - own names
        return int(self._connection.execute(query).fetchone()[0])

    def count(self, table: Table, run_id: str | None = None) -> int:
        """How many rows there are, or how many of one run."""
        where, values = ("", ()) if run_id is None else (" WHERE run_id = ?", (run_id,))
        query = f"SELECT count(*) FROM {table}{where}"  # noqa: S608 - own names
        return int(self._connection.execute(query, values).fetchone()[0])

    def run_ids(self) -> set[str]:
        """The ids of all runs, and of what a record names as its run."""
        query = "SELECT run_id FROM run UNION SELECT run_id FROM asset"
        return {str(row[0]) for row in self._connection.execute(query)}

    def runs_under_way(self) -> set[str]:
        """The ids of the runs that some process is carrying out."""
        query = "SELECT run_id FROM run WHERE state = 'calling'"
        return {str(row[0]) for row in self._connection.execute(query)}

    def asset_order(self, asset: AssetRecord) -> int:
        """The place of a record among all others."""
        query = "SELECT seq FROM asset WHERE id = ?"
        return int(self._connection.execute(query, (asset.id,)).fetchone()[0])

    def add_assets(self, assets: Sequence[AssetRecord]) -> int:
        """Add records after all others, and return the order of the first.

        A record that exists stays as it is: manifests may be read twice.
        """
        last = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'asset'").fetchone()
        first = (int(last[0]) if last else 0) + 1
        self._connection.executemany(_ADD_ASSET, [(first, *_values_of_asset(asset)) for asset in assets])
        return first

    def is_in_state(self, run_id: str, *states: RunState) -> bool:
        """Whether a run is there and in one of these states."""
        row = self._connection.execute("SELECT state FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return row is not None and row[0] in states

    def put_run(self, run: LedgerEntry) -> int:
        """Add a run after all others, or update it where it exists, and return its order."""
        return int(self._connection.execute(_PUT_ONE_RUN, (0, *_values_of_run(run))).fetchone()[0])

    def add_manifests(self, found: Collection[Manifest]) -> None:
        """Add what manifests hold, each at its order; what exists stays, or is updated, as above."""
        assets = (
            (manifest.asset_order, *_values_of_asset(asset))
            for manifest in sorted(found, key=lambda manifest: manifest.asset_order)
            for asset in manifest.assets
        )
        self._connection.executemany(_ADD_ASSET, assets)
        runs = (
            (manifest.run_order, *_values_of_run(manifest.run))
            for manifest in sorted(found, key=lambda manifest: manifest.run_order)
            if manifest.run is not None
        )
        self._connection.executemany(_PUT_RUN, runs)

    def integrity_problems(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        lines = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check(5)")]
        return [] if lines == ["ok"] else [f"the index is damaged: {line}" for line in lines]

    def _asset(self, row: tuple[object, ...]) -> AssetRecord:
        values = dict(zip(_ASSET_COLUMNS, row, strict=True))
        values["emulated"] = bool(values["emulated"])
        file_url = self._paths.blob_url(str(values["sha256"]), str(values["file_type"]))
        return AssetRecord(file_url=file_url, **values)  # type: ignore[arg-type]


def _order_of_last(rows: Sequence[tuple[Any, ...]]) -> int:
    return int(rows[-1][0]) if rows else 0


def _run(row: tuple[object, ...]) -> LedgerEntry:
    values = dict(zip(_RUN_COLUMNS, row, strict=True))
    values["emulated"] = bool(values["emulated"])
    return LedgerEntry(**values)  # type: ignore[arg-type]
