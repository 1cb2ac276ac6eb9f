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
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from pathlib import Path
from uuid import uuid4

from imagegen_nb.core import user_warnings
from imagegen_nb.core.atomic_files import (
    DISK_FULL,
    NOT_ALLOWED,
    NOT_READABLE,
    explain,
    explain_writing,
    sync_folder,
)
from imagegen_nb.core.open_files import OUT_OF_FILES
from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks, manifests, network_fs, spending_rows
from imagegen_nb.store.base import store_error
from imagegen_nb.store.manifests import Manifest
from imagegen_nb.store.paths import StorePaths
from imagegen_nb.store.tables import Tables, create_tables

_VERSION = 8
_VERSION_WITHOUT_LEDGER = 1
_TIMEOUT = 60.0
"""Seconds to wait for another process that is writing."""
_TIMEOUT_AT_EXIT = 5.0
"""Seconds to wait for a thread that is still in a query."""

FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""How a query fails: SQLite's error may quote a damaged file, in bytes that are no text for Python."""
_databases: weakref.WeakSet[Database] = weakref.WeakSet()


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
    def snapshot(self) -> Iterator[Tables]:
        """The tables as they are at one moment, for one who may not write. Raises `StoreError`."""
        with self.read() as tables, tables.snapshot():
            yield tables

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
                reason = explain_writing(error, self.paths.folder)
        raise self.write_error(reason)

    def write_error(self, reason: str) -> StoreError:
        """The error of a transaction that failed, for the caller to raise."""
        return store_error(f"cannot write the index in {self.paths.folder}", reason)

    def rebuild(self, cache: manifests.Cache | None = None) -> None:
        """Build another from the manifests, and put it in the place of the file, which is kept as
        `index.sqlite3.damaged`, instead of an older one. Raises `StoreError`, and leaves the file as it
        was."""
        path = self.paths.database
        with self.lock:
            self.close()
            self._manifest_cache = cache
            try:
                with _writers_excluded(path):
                    if os.path.lexists(path):
                        self._replace(path)
                self._open()
                return
            except FAILURES as error:
                reason = self.explain(error)
            except OSError as error:
                reason = explain_writing(error, self.paths.folder)
            finally:
                self._manifest_cache = None
        raise store_error(
            f"cannot build the index in {self.paths.folder} again, and have left it as it was", reason
        )

    def _replace(self, path: Path) -> None:
        """Build it beside the old one: a disk that is full must not take that away as well."""
        new = path.with_name(f"{path.name}.new")
        for left_over in (new, _journal_of(new)):
            left_over.unlink(missing_ok=True)
        try:
            self._connect(new).close()
            _put_aside(path)
            new.replace(path)
        except BaseException:
            for unfinished in (_journal_of(new), new):
                with suppress(OSError):
                    unfinished.unlink()
            raise
        sync_folder(path.parent)

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
                reason = explain_writing(error, self.paths.folder.parent)
            else:
                network_fs.warn_once(self.paths.folder)
                self.connection = self._connect(self.paths.database)
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

    def _connect(self, path: Path) -> sqlite3.Connection:
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
        create_tables(connection)
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
        spending_rows.count_anew(connection)
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
        if name == "SQLITE_FULL":
            return DISK_FULL
        path = self.paths.database
        if name.startswith("SQLITE_CANTOPEN") and path.is_file() and not os.access(path, os.R_OK):
            return NOT_READABLE
        if name.startswith("SQLITE_READONLY") or (name.startswith("SQLITE_CANTOPEN") and self._is_closed()):
            return NOT_ALLOWED
        if name.startswith("SQLITE_CANTOPEN") and self._is_accessible():
            return OUT_OF_FILES
        return str(error)

    def _is_closed(self) -> bool:
        """Whether this user may not write where SQLite has to make a file."""
        return self.paths.folder.is_dir() and not os.access(self.paths.folder, os.W_OK | os.X_OK)

    def _is_accessible(self) -> bool:
        """Whether nothing but a lack of open files keeps SQLite from the file and from its journal.

        SQLite does not say; by the time one could try, another thread may have closed a file.
        """
        path = self.paths.database
        return os.access(path.parent, os.W_OK) and os.access(path, os.R_OK | os.W_OK) and path.is_file()


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
    """Keep it under another name, also where it is: in a gap another process would make one."""
    damaged = path.with_name(f"{path.name}.damaged")
    # The journal first: left behind, SQLite would apply it to the new database.
    with suppress(FileNotFoundError):
        _journal_of(path).replace(_journal_of(damaged))
    damaged.unlink(missing_ok=True)
    try:
        os.link(path, damaged, follow_symlinks=False)
    except OSError:  # a file system without such links
        path.replace(damaged)


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
