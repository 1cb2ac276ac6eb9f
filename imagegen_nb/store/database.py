"""The database of a store: one SQLite file, shared by threads and processes.

It uses a rollback journal with synchronous=EXTRA: of SQLite's modes it lost nothing in power-cut tests and
opens safely from several processes at once. A database that is missing is rebuilt from the manifests by
whoever opens it first. Messages call it the index, like its file.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import fields
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from imagegen_nb.core import user_warnings
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.open_files import OUT_OF_FILES
from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks, manifests, network_fs
from imagegen_nb.store.base import CHANGED_AT_THE_END, AssetRecord, LedgerEntry, Spending, store_error
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.opinion_rows import SCHEMA as OPINION_SCHEMA
from imagegen_nb.store.opinion_rows import OpinionRows
from imagegen_nb.store.paths import StorePaths

_VERSION = 6
_VERSION_WITHOUT_LEDGER = 1
_TIMEOUT = 60.0
"""Seconds to wait for another process that is writing."""
_TIMEOUT_AT_EXIT = 5.0
"""Seconds to wait for a thread that is still in a query."""

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
    # All that `spending` reads, so that it does not go through prompts and results.
    "CREATE INDEX IF NOT EXISTS run_spending "
    "ON run (emulated, session, state, charge, cost_ticks, ceiling_ticks)",
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
    f"{', '.join(f'{name} = excluded.{name}' for name in CHANGED_AT_THE_END)} RETURNING seq"
)

FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""How a query fails: SQLite's error may quote a damaged file, in bytes that are no text for Python."""
_databases: weakref.WeakSet[Database] = weakref.WeakSet()


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
        query = "SELECT coalesce(sum(estimate), 0) FROM run WHERE state = 'calling'"
        return int(self._connection.execute(query).fetchone()[0])

    def spending(self, *, emulated: bool, session: str | None = None) -> Spending:
        """What runs have cost, all or those of one session."""
        # A run without a charge cost nothing; any other of unknown cost counts by its ceiling.
        counted = "CASE WHEN charge = 'none' THEN 0 ELSE coalesce(cost_ticks, ceiling_ticks) END"
        query = (
            f"SELECT coalesce(sum(CASE WHEN state != 'calling' THEN {counted} END), 0), "  # noqa: S608
            f"coalesce(sum(CASE WHEN state = 'calling' THEN {counted} END), 0), count(*) - count({counted}) "
            "FROM run WHERE emulated = ?"
        )
        values: tuple[object, ...] = (emulated,)
        if session is not None:
            query, values = f"{query} AND session = ?", (*values, session)
        spent, reserved, unbounded = self._connection.execute(query, values).fetchone()
        return Spending(spent=int(spent), reserved=int(reserved), unbounded=int(unbounded))

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

    def cell_page(self, prefix: str, beyond: int, last: int) -> tuple[list[LedgerEntry], int]:
        """A page of the runs whose cell begins with `prefix`, oldest first."""
        # A range the index knows; the last character is above every one that a cell's name can have.
        return self._runs_page(
            "cell != '' AND cell >= ? AND cell < ?", (prefix, f"{prefix}\x7f"), beyond, last
        )

    def call_page(self, call: str, beyond: int, last: int) -> tuple[list[LedgerEntry], int]:
        """A page of the runs of one call, oldest first."""
        return self._runs_page("call != '' AND call = ?", (call,), beyond, last)

    def _runs_page(
        self, where: str, values: tuple[str, ...], beyond: int, last: int
    ) -> tuple[list[LedgerEntry], int]:
        query = (
            f"SELECT seq, {', '.join(_RUN_COLUMNS)} FROM run "  # noqa: S608 - own names
            f"WHERE {where} AND +seq > ? AND +seq <= ? ORDER BY +seq LIMIT {PAGE}"
        )
        rows = self._connection.execute(query, (*values, beyond, last)).fetchall()
        return [_run(row[1:]) for row in rows], _order_of_last(rows)

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
        """The ids of the runs that have begun and not ended."""
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

    def put_run(self, run: LedgerEntry) -> int:
        """Add a run after all others, or update it where it exists, and return its order."""
        return int(self._connection.execute(_PUT_RUN, (0, *_values_of_run(run))).fetchone()[0])

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


class Database:
    """Opens a store's database when it is first used, and again when its file has been replaced.

    The connection is closed by `close`, with the object, and when the interpreter exits: a store that nobody
    closed causes no `ResourceWarning`. `lock` is held by whoever uses the connection.
    """

    def __init__(self, paths: StorePaths) -> None:
        self.paths = paths
        self._reset()
        _databases.add(self)

    def _reset(self) -> None:
        """Start without lock and connection. A forked child must too: neither survives a fork."""
        self.lock = threading.RLock()
        self.connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[..., Database] | None = None
        self._opened_file: os.stat_result | None = None
        self._manifest_cache: manifests.Cache | None = None

    @contextmanager
    def read(self) -> Iterator[Tables]:
        """The tables, outside of any transaction. Raises `StoreError`."""
        with self.lock:
            try:
                yield Tables(self._open(), self.paths)
                return
            except FAILURES as error:
                reason = self.explain(error)
        raise store_error(f"cannot read the index in {self.paths.folder}", reason)

    @contextmanager
    def transaction(self) -> Iterator[Tables]:
        """One transaction that writes from its start, rolled back on any error. Raises `StoreError`."""
        with self.lock:
            try:
                while True:
                    with _transaction(self._open()) as connection:
                        # While this process waited for the lock, another may have rebuilt the database.
                        if self._is_current():
                            yield Tables(connection, self.paths)
                            return
            except FAILURES as error:
                reason = self.explain(error)
            except OSError as error:  # from writing a manifest
                reason = explain(error)
        raise self.write_error(reason)

    def write_error(self, reason: str) -> StoreError:
        """The error of a transaction that failed, for the caller to raise."""
        return store_error(f"cannot write the index in {self.paths.folder}", reason)

    def rebuild(self, cache: manifests.Cache | None = None) -> None:
        """Rename the file to `index.sqlite3.damaged`, replacing an older one, and build another from the
        manifests. Raises `StoreError`."""
        path = self.paths.database
        with self.lock:
            self.close()
            try:
                with _writers_excluded(path):
                    _put_aside(path)
            except OSError as error:
                reason = explain(error)
            else:
                self._manifest_cache = cache
                try:
                    self._open()
                finally:
                    self._manifest_cache = None
                return
        raise store_error(f"cannot put the index in {self.paths.folder} aside", reason)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self.lock:
            if self._closer is not None:
                self._closer()
            self.connection = self._closer = None

    def _open(self) -> sqlite3.Connection:
        if self.connection is not None and not self.connection.in_transaction and not self._is_current():
            self.close()
        if self.connection is None:
            try:
                self.paths.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                reason = explain(error)
            else:
                network_fs.warn_once(self.paths.folder)
                self.connection = self._connect()
                self._closer = weakref.finalize(self, _close, self.lock, self.connection)
                self._opened_file = self.paths.database.stat()
                return self.connection
            raise store_error(f"cannot create the store folder {self.paths.folder}", reason)
        return self.connection

    def _is_current(self) -> bool:
        """Whether the open file is still the one at its path."""
        try:
            current = self.paths.database.stat()
        except OSError:
            return False
        return self._opened_file is not None and os.path.samestat(current, self._opened_file)

    def _connect(self) -> sqlite3.Connection:
        path = self.paths.database
        for file in (path, _journal_of(path)):
            if file.is_symlink():
                raise sqlite3.DatabaseError(f"{file} is a link; the store writes only inside itself")
        connection = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            if _version(connection) < _VERSION:
                connection.execute("PRAGMA journal_mode = DELETE")
                with _transaction(connection):
                    problems = self._create_or_upgrade(connection)
                for problem in problems:
                    user_warnings.warn(f"{problem}; what it held is missing from the index", RuntimeWarning)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_or_upgrade(self, connection: sqlite3.Connection) -> list[str]:
        """Make the tables. For a new database, fill them and return which manifests could not be read."""
        version = _version(connection)  # again: another process may have been quicker
        if version == _VERSION:
            return []
        problems: list[str] = []
        for statement in (*_SCHEMA, *OPINION_SCHEMA):
            connection.execute(statement)
        _add_later_columns(connection)
        for statement in _INDEXES:
            connection.execute(statement)
        tables = Tables(connection, self.paths)
        try:
            if version == _VERSION_WITHOUT_LEDGER:
                self._write_manifests(tables)
            elif version == 0:
                problems = self._read_manifests(tables)
            # A layout without them may have been built again by a version that knew no such files.
            problems += tables.opinions.read_files()
        except OSError as error:
            raise sqlite3.DatabaseError(explain(error)) from None
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        return problems

    def _write_manifests(self, tables: Tables) -> None:
        """Databases of the version without a ledger had no manifests."""
        for _, records in groupby(tables.assets(), key=lambda record: record.run_id):
            assets = tuple(records)
            manifest = Manifest(run=None, assets=assets, asset_order=tables.asset_order(assets[0]))
            manifests.write(self.paths, uuid4().hex, manifest)

    def _read_manifests(self, tables: Tables) -> list[str]:
        by_name, problems = manifests.read_all(self.paths, self._manifest_cache)
        tables.add_manifests(by_name.values())
        return problems

    def explain(self, error: Exception) -> str:
        """Why a query failed, in words for the user."""
        unreadable, name = isinstance(error, UnicodeDecodeError), getattr(error, "sqlite_errorname", "")
        if unreadable or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            folder = shlex.quote(str(self.paths.folder))
            what = "its tables are damaged" if unreadable else str(error)
            return f"{what}. Build it again: imagegen-nb store rebuild {folder}"
        if name.startswith("SQLITE_CANTOPEN") and self._is_accessible():
            return OUT_OF_FILES
        return str(error)

    def _is_accessible(self) -> bool:
        """Whether nothing but a lack of open files keeps SQLite from the file and from its journal.

        SQLite does not say; by the time one could try, another thread may have closed a file.
        """
        path = self.paths.database
        return os.access(path.parent, os.W_OK) and os.access(path, os.R_OK | os.W_OK) and path.is_file()


def _add_later_columns(connection: sqlite3.Connection) -> None:
    """Give the runs of an earlier version the columns they lack; what stands in the others stays."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(run)")}
    for name, declaration in _LATER_RUN_COLUMNS.items():
        if name not in present:
            connection.execute(f"ALTER TABLE run ADD COLUMN {name} {declaration}")


def _close(lock: threading.RLock, connection: sqlite3.Connection) -> None:
    """Not while a thread is in a query: at exit, a daemon thread may be."""
    if lock.acquire(timeout=_TIMEOUT_AT_EXIT):
        try:
            connection.close()
        finally:
            lock.release()


def _journal_of(path: Path) -> Path:
    """SQLite's own file beside a database, from which it rolls back a transaction that was cut off."""
    return path.with_name(f"{path.name}-journal")


@contextmanager
def _writers_excluded(path: Path) -> Iterator[None]:
    """Wait for whoever is writing, and keep others from it. Nobody writes to a file that is no database."""
    if not path.exists():
        yield
        return
    connection = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None)
    with closing(connection):
        with suppress(*FAILURES):
            connection.execute("BEGIN IMMEDIATE")
        yield


def _put_aside(path: Path) -> None:
    damaged = path.with_name(f"{path.name}.damaged")
    # The journal first: left behind, SQLite would apply it to the new database.
    for source, target in ((_journal_of(path), _journal_of(damaged)), (path, damaged)):
        with suppress(FileNotFoundError):
            source.replace(target)


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise sqlite3.NotSupportedError(f"it was written by a newer version (layout {version})")
    return version


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        # On a full disk SQLite has rolled back already; a second ROLLBACK would raise and hide the cause.
        if connection.in_transaction:
            with suppress(*FAILURES):
                connection.execute("ROLLBACK")


# A fork copies SQLite's own locks as they are, so no thread may be inside SQLite then.

_locked_for_fork: list[Database] = []
_inherited: list[sqlite3.Connection] = []
"""A parent's connections in the midst of a transaction. Closing them in the child would roll it back."""


def _before_fork() -> None:
    _locked_for_fork[:] = list(_databases)
    for database in _locked_for_fork:
        database.lock.acquire()
    locks.before_fork()


def _after_fork_in_parent() -> None:
    locks.after_fork_in_parent()
    while _locked_for_fork:
        _locked_for_fork.pop().lock.release()


def _after_fork_in_child() -> None:
    locks.after_fork_in_child()
    while _locked_for_fork:
        database = _locked_for_fork.pop()
        connection = database.connection
        if database._closer is not None:
            database._closer.detach()
        database._reset()
        if connection is not None:
            _inherited.append(connection) if connection.in_transaction else connection.close()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
