"""The index of a store: one SQLite database, shared by threads and processes.

It uses a rollback journal with synchronous=EXTRA: of SQLite's modes it lost nothing in power-cut tests and
opens safely from several processes at once. An index that is not there is built from the sidecars, by
whoever comes first.
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
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import StoreError
from imagegen_nb.store import manifests, network_fs, rows
from imagegen_nb.store.manifests import Sidecar
from imagegen_nb.store.paths import Places

_VERSION = 2
_WITHOUT_LEDGER = 1
_WAIT = 60.0
"""Seconds to wait for another process that holds the index."""
_WAIT_AT_EXIT = 5.0
"""Seconds to wait for a thread that still uses the index."""

_indexes: weakref.WeakSet[Index] = weakref.WeakSet()


class Index:
    """The way to a store's database. It is opened when first used, and again when it has been replaced.

    The connection is closed with `close`, when the index is garbage, and when the interpreter exits: a store
    that nobody closed leaves no `ResourceWarning` behind.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._start_afresh()
        _indexes.add(self)

    def _start_afresh(self) -> None:
        """Begin without a lock or a connection, also in a forked child: neither survives a fork."""
        self._lock = threading.RLock()
        self.connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[..., Index] | None = None
        self._file: os.stat_result | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The open database. Raises `StoreError`."""
        with self._lock:
            try:
                yield self._open()
                return
            except sqlite3.Error as error:
                reason = self._told(error)
        raise StoreError(f"cannot read the index in {self.places.folder}: {reason}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, taken for writing from its start, undone on any error. Raises `StoreError`."""
        with self._lock:
            try:
                while True:
                    with _transaction(self._open()) as index:
                        # While this process waited for its turn, another may have built a new index.
                        if self._is_in_place():
                            yield index
                            return
            except sqlite3.Error as error:
                reason = self._told(error)
            except OSError as error:  # of a sidecar
                reason = explain(error)
        raise StoreError(f"cannot write the index in {self.places.folder}: {reason}")

    def supersede(self) -> None:
        """Put the database aside as `index.sqlite3.damaged`, in the place of an older one, and open another,
        built from the sidecars. Raises `StoreError`."""
        path = self.places.index
        with self._lock:
            self.close()
            try:
                with _alone(path):
                    _put_aside(path)
            except OSError as error:
                reason = explain(error)
            else:
                self._open()
                return
        raise StoreError(f"cannot put the index in {self.places.folder} aside: {reason}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._closer is not None:
                self._closer()
            self.connection = self._closer = None

    def _open(self) -> sqlite3.Connection:
        """This process's connection."""
        if self.connection is not None and not self.connection.in_transaction and not self._is_in_place():
            self.close()
        if self.connection is None:
            try:
                self.places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                reason = explain(error)
            else:
                network_fs.warn_once(self.places.folder)
                self.connection = self._connect()
                self._closer = weakref.finalize(self, _close, self._lock, self.connection)
                self._file = self.places.index.stat()
                return self.connection
            raise StoreError(f"cannot create the store folder {self.places.folder}: {reason}")
        return self.connection

    def _is_in_place(self) -> bool:
        """Whether the open file is still the one at its path."""
        try:
            return self._file is not None and os.path.samestat(self.places.index.stat(), self._file)
        except OSError:
            return False

    def _connect(self) -> sqlite3.Connection:
        path = self.places.index
        for file in (path, journal_of(path)):
            if file.is_symlink():
                raise sqlite3.DatabaseError(f"{file} is a link; the store writes only inside itself")
        index = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            index.execute("PRAGMA synchronous = EXTRA")
            if _version(index) < _VERSION:
                index.execute("PRAGMA journal_mode = DELETE")
                with _transaction(index):
                    problems = self._bring_up_to_date(index)
                for problem in problems:
                    user_warnings.warn(f"{problem}; what it held is missing from the index", RuntimeWarning)
        except BaseException:
            index.close()
            raise
        return index

    def _bring_up_to_date(self, index: sqlite3.Connection) -> list[str]:
        """Make the tables, and say what could not be read of an index that is built anew."""
        version = _version(index)  # again: another process may have been quicker
        if version == _VERSION:
            return []
        problems: list[str] = []
        for statement in rows.SCHEMA:
            index.execute(statement)
        try:
            if version == _WITHOUT_LEDGER:
                self._write_sidecars(index)
            else:
                problems = self._read_sidecars(index)
        except OSError as error:
            raise sqlite3.DatabaseError(explain(error)) from None
        index.execute(f"PRAGMA user_version = {_VERSION}")
        return problems

    def _write_sidecars(self, index: sqlite3.Connection) -> None:
        """For an index of a version that had none."""
        for _, records in groupby(rows.assets(index, self.places), key=lambda record: record.run_id):
            together = tuple(records)
            order = rows.order_of(index, together[0])
            manifests.write(self.places, uuid4().hex, Sidecar(run=None, assets=together, asset_order=order))

    def _read_sidecars(self, index: sqlite3.Connection) -> list[str]:
        found, problems = manifests.every(self.places)
        for sidecar in found.values():
            rows.add_assets(index, sidecar.assets, sidecar.asset_order)
        for sidecar in sorted(found.values(), key=lambda each: each.run_order):
            if sidecar.run is not None:
                rows.put_run(index, sidecar.run, sidecar.run_order)
        return problems

    def _told(self, error: sqlite3.Error) -> str:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            folder = shlex.quote(str(self.places.folder))
            return f"{error}. Build it again: imagegen-nb store rebuild {folder}"
        return str(error)


def _close(lock: threading.RLock, connection: sqlite3.Connection) -> None:
    """Close when no thread is in the middle of a query; at exit, a daemon thread may be."""
    if lock.acquire(timeout=_WAIT_AT_EXIT):
        try:
            connection.close()
        finally:
            lock.release()


def journal_of(path: Path) -> Path:
    """SQLite's own file beside a database, with what a transaction that was cut off would undo."""
    return path.with_name(f"{path.name}-journal")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let who is writing to the database finish, and nobody begin; what is no database, nobody writes to."""
    if not path.exists():
        yield
        return
    index = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
    with closing(index):
        with suppress(sqlite3.Error):
            index.execute("BEGIN IMMEDIATE")
        yield


def _put_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    # The journal first: left behind, it would be taken for the new database's.
    for file, there in ((journal_of(path), journal_of(aside)), (path, aside)):
        with suppress(FileNotFoundError):
            file.replace(there)


def _version(index: sqlite3.Connection) -> int:
    version = int(index.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise sqlite3.NotSupportedError(f"it was written by a newer version (layout {version})")
    return version


@contextmanager
def _transaction(index: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    index.execute("BEGIN IMMEDIATE")
    try:
        yield index
        index.execute("COMMIT")
    finally:
        # A full disk has already rolled back: asking again would hide the cause.
        if index.in_transaction:
            with suppress(sqlite3.Error):
                index.execute("ROLLBACK")


_held: list[Index] = []
_inherited: list[sqlite3.Connection] = []
"""Connections of the parent process in the midst of a transaction: closing them would roll it back."""


def _before_fork() -> None:
    """Keep every thread out of SQLite while the process is copied: its own locks would be copied held."""
    _held[:] = list(_indexes)
    for index in _held:
        index._lock.acquire()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop()._lock.release()


def _after_fork_in_child() -> None:
    while _held:
        index = _held.pop()
        connection = index.connection
        if index._closer is not None:
            index._closer.detach()
        index._start_afresh()
        if connection is not None:
            _inherited.append(connection) if connection.in_transaction else connection.close()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
