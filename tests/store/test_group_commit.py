"""Work of several threads in one transaction: all of it is committed, or each hears why its own is not."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ledger import entry, new, states

from imagegen_nb.errors import StorageLimitReached, StoreError
from imagegen_nb.store import maintenance
from imagegen_nb.store.database import Database
from imagegen_nb.store.group_commit import GroupCommit
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.paths import StorePaths
from imagegen_nb.store.tables import Tables


class Watched(GroupCommit):
    """Counts its transactions."""

    def __init__(self, folder: Path) -> None:
        self.commits = 0
        super().__init__(Database(StorePaths(folder)), self._count)

    def _count(self) -> None:
        self.commits += 1


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Watched]:
    group = Watched(tmp_path)
    yield group
    group._database.close()


def together(group: Watched, works: list, **options) -> list:
    """What became of works that threads hand in while somebody else holds the database."""

    def one(work) -> object:
        try:
            return group.run(work, **options)
        except Exception as error:  # noqa: BLE001 - judged by the test
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        with group._database.lock:
            results = [pool.submit(one, work) for work in works]
            while len(group._waiting) < len(works):
                pass
        return [result.result(60) for result in results]


def add(run_id: str):
    return lambda tables: tables.put_run(entry(run_id))


def test_what_waits_together_is_committed_at_once_and_each_gets_its_own(group):
    orders = together(group, [add(f"run-{number}") for number in range(8)])
    assert sorted(orders) == list(range(1, 9))
    assert group.commits == 1
    with group._database.read() as tables:
        assert tables.runs_under_way() == {f"run-{number}" for number in range(8)}


def test_one_that_fails_undoes_its_own_part_only(group):
    def refused(tables: Tables) -> None:
        tables.put_run(entry("refused"))
        raise StorageLimitReached("full")

    def unwritable(tables: Tables) -> None:
        tables.put_run(entry("unwritable"))
        raise PermissionError(13, "Permission denied")

    def wrong(tables: Tables) -> None:
        tables.put_run(entry("wrong"))
        tables._connection.execute("INSERT INTO run (run_id) VALUES ('x')")

    one, full, denied, bad, two = together(group, [add("a"), refused, unwritable, wrong, add("b")])
    assert {one, two} <= {1, 2, 3, 4, 5}
    assert isinstance(full, StorageLimitReached)
    assert isinstance(denied, StoreError)
    assert "this user may not write there (permission denied)" in str(denied)
    assert isinstance(bad, StoreError)
    with group._database.read() as tables:
        assert tables.runs_under_way() == {"a", "b"}


def test_a_damaged_table_is_told_of_as_the_stores_error(group):
    """SQLite's own message may quote the damage, in bytes that are no text."""

    def damaged(tables: Tables) -> None:
        b"\xff".decode()

    one, bad = together(group, [add("a"), damaged])
    assert (one, type(bad)) == (1, StoreError)
    assert "imagegen-nb store rebuild" in str(bad)


def test_work_that_comes_while_others_is_taken_waits_for_the_next_transaction(group):
    class Late(deque):
        """Somebody hands in more each time something is taken."""

        def popleft(self):
            work = super().popleft()
            if not late:
                late.append(pool.submit(group.run, add("late")))
                while not self:
                    pass
            return work

    late: list[Any] = []
    group._waiting = Late()
    with ThreadPoolExecutor(1) as pool:
        assert group.run(add("one")) == 1
        assert late[0].result(60) == 2


def test_when_the_commit_fails_everybody_hears_of_it_in_an_error_of_their_own(group, monkeypatch):
    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(group, "_before_commit", fail)
    errors = together(group, [add("a"), add("b"), add("c")])
    assert all(isinstance(error, StoreError) and "disk I/O error" in str(error) for error in errors)
    assert len(set(map(id, errors))) == 3
    with group._database.read() as tables:
        assert tables.runs_under_way() == set()


def test_what_comes_first_is_done_once_and_stops_those_who_asked_for_it(group):
    done = []
    together(group, [add(f"run-{number}") for number in range(5)], first=lambda: done.append(1))
    assert done == [1]

    def first() -> None:
        done.append(2)
        raise StoreError("cannot look after the runs")

    errors = together(group, [add("x"), add("y")], first=first)
    assert done.count(2) == 1
    assert [str(error) for error in errors] == ["cannot look after the runs"] * 2
    assert group.run(add("z")) == 6


def test_who_is_interrupted_while_waiting_leaves_nothing_behind(group):
    class Interrupted:
        """A lock that somebody waits for in vain."""

        def __enter__(self):
            raise KeyboardInterrupt

        def __exit__(self, *_):
            raise AssertionError

    real, group._database.lock = group._database.lock, Interrupted()
    with pytest.raises(KeyboardInterrupt):
        group.run(add("gone"))
    group._database.lock = real
    assert group.run(add("here")) == 1
    with group._database.read() as tables:
        assert tables.runs_under_way() == {"here"}


def test_a_forked_child_does_not_do_the_work_of_its_parents_threads(group):
    group.run(add("before"))
    group._waiting.append(object())  # of a thread that the child does not have
    child = os.fork()
    if not child:
        try:
            os._exit(0 if group.run(add("child")) == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    group._waiting.clear()
    with group._database.read() as tables:
        assert tables.runs_under_way() == {"before", "child"}


def test_many_threads_begin_and_finish_runs_and_the_store_is_whole(tmp_path):
    store = LocalStore(tmp_path)
    barrier = threading.Barrier(24)

    def run(number: int) -> None:
        begun = entry(f"run-{number}")
        barrier.wait(60)
        store.begin(begun, None)
        images = [new(store, f"{number % 5}".encode(), run_id=begun.run_id)]
        store.finish(replace(begun, state="done", charge="charged"), images)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(run, range(24)))
    assert states(store) == [("done", "charged")] * 24
    report = maintenance.check(store)
    assert (report.problems, report.orphans, len(report.records)) == ([], (), 24)
    assert list((tmp_path / "locks").iterdir()) == []
    store.close()
