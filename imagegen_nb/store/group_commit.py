"""Work of several threads in one transaction: a commit waits for the disk, however much it holds."""

from __future__ import annotations

import copy
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import StoreError
from imagegen_nb.store.database import Database, Tables

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Work(Generic[T]):
    """What one thread wants to be committed, and what became of it."""

    function: Callable[[Tables], T]
    first: Callable[[], object] | None
    is_done: bool = False
    result: T | None = None
    error: BaseException | None = field(default=None, repr=False)


class GroupCommit:
    """Commits what threads hand in: the first one does so for all that have come while it waited.

    `before_commit` is called once for each transaction, when all its work is done.
    """

    def __init__(self, database: Database, before_commit: Callable[[], object]) -> None:
        self._database = database
        self._before_commit = before_commit
        self._waiting: list[_Work[Any]] = []
        self._process = os.getpid()

    def run(self, function: Callable[[Tables], T], *, first: Callable[[], object] | None = None) -> T:
        """What `function` returns, once it is committed. What it raises undoes its own part only.

        `first` is called before the transaction: once, however many ask for the same. Raises `StoreError`
        too, when the transaction fails.
        """
        if self._process != os.getpid():  # forked: the list is of threads that this process does not have
            self._waiting, self._process = [], os.getpid()
        work = _Work(function, first)
        self._waiting.append(work)
        try:
            with self._database.lock:
                if not work.is_done:
                    group, self._waiting = self._waiting, []
                    self._commit(group)
        except BaseException:  # interrupted while it waited: nobody wants it any more
            with suppress(ValueError):
                self._waiting.remove(work)
            raise
        if work.error is not None:
            raise work.error
        return cast("T", work.result)

    def _commit(self, group: list[_Work[Any]]) -> None:
        try:
            ready = _prepare(group)
            if ready:
                with self._database.transaction() as tables:
                    for work in ready:
                        self._do(work, tables)
                    self._before_commit()
        except StoreError as error:
            for work in group:
                # Each thread raises an error of its own: a traceback belongs to one.
                work.error = work.error or copy.copy(error)
        except BaseException:
            for work in group:
                work.error = work.error or StoreError("the store was interrupted before it had committed")
            raise
        finally:
            for work in group:
                work.is_done = True

    def _do(self, work: _Work[Any], tables: Tables) -> None:
        try:
            with tables.savepoint():
                work.result = work.function(tables)
        except sqlite3.Error as error:
            if not tables.in_transaction:  # on a full disk SQLite has undone all of it
                raise
            work.error = self._database.write_error(self._database.explain(error))
        except OSError as error:  # from writing a manifest
            work.error = self._database.write_error(explain(error))
        except Exception as error:  # noqa: BLE001 - raised where the work was handed in
            work.error = error


def _prepare(group: list[_Work[Any]]) -> list[_Work[Any]]:
    """The work that may go on after what has to be done first."""
    failures: dict[Callable[[], object], StoreError] = {}
    for first in dict.fromkeys(work.first for work in group if work.first is not None):
        try:
            first()
        except StoreError as error:
            failures[first] = error
    for work in group:
        if work.first in failures:
            work.error = copy.copy(failures[work.first])
    return [work for work in group if work.error is None]
