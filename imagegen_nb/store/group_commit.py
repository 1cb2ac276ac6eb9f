"""Work of several threads in one transaction: a commit waits for the disk, however much it holds."""

from __future__ import annotations

import copy
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from imagegen_nb.core.atomic_files import explain_writing
from imagegen_nb.errors import StoreError
from imagegen_nb.store.database import FAILURES, Database
from imagegen_nb.store.tables import Tables

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
        self._waiting: deque[_Work[Any]] = deque()
        self._process = os.getpid()

    def run(self, function: Callable[[Tables], T], *, first: Callable[[], object] | None = None) -> T:
        """What `function` returns, once it is committed. What it raises undoes its own part only.

        `first` is called before the transaction: once, however many ask for the same. Raises `StoreError`
        too, when the transaction fails.
        """
        if self._process != os.getpid():
            self._forget_parents_work()
        work = _Work(function, first)
        self._waiting.append(work)
        try:
            with self._database.lock:
                if not work.is_done:
                    self._commit(self._take_waiting())
        except BaseException:  # interrupted while it waited: nobody wants it any more
            with suppress(ValueError):
                self._waiting.remove(work)
            raise
        if work.error is not None:
            raise work.error
        return cast("T", work.result)

    def _forget_parents_work(self) -> None:
        """After a fork: what waits is of threads that this process does not have."""
        with self._database.lock:
            if self._process != os.getpid():
                self._waiting, self._process = deque(), os.getpid()

    def _take_waiting(self) -> list[_Work[Any]]:
        """One by one: what comes meanwhile is in this group as a whole, or in the next."""
        group = []
        with suppress(IndexError):
            while True:
                group.append(self._waiting.popleft())
        return group

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
        except FAILURES as error:
            if not tables.in_transaction:  # on a full disk SQLite has undone all of it
                raise
            work.error = self._database.write_error(self._database.explain(error))
        except OSError as error:  # from writing a manifest
            work.error = self._database.write_error(explain_writing(error, self._database.paths.folder))
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
