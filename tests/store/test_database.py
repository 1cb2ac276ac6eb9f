"""The database of a store: what is in it, damage, upgrades, forks, and connections nobody closed."""

from __future__ import annotations

import gc
import itertools
import os
import random
import resource
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import pytest
from support.ledger import entry, everything, put, run_program

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.errors import BudgetExceeded, StoreError
from imagegen_nb.store import maintenance
from imagegen_nb.store.base import Budget, Spending
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.manifests import Manifest


def test_the_ledger_holds_no_more_than_it_says(store):
    store.begin(entry(), None)
    index = sqlite3.connect(store.paths.database)
    columns = [row[1] for row in index.execute("PRAGMA table_info(run)")]
    index.close()
    assert columns == ["seq", *asdict(entry())]


def test_the_tables_are_those_of_layout_8(store):
    put(store, b"data")
    connection = sqlite3.connect(store.paths.database)
    tables = {
        name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    }
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert version == (8,)
    assert tables == {
        "asset": [
            *("seq", "id", "file_name", "file_size", "file_type", "sha256", "width", "height"),
            *("run_id", "emulated", "created_at"),
        ],
        "run": [
            *("seq", "run_id", "provider", "model", "count", "estimate", "emulated", "state", "charge"),
            *("started_at", "ended_at", "prompt", "settings_json", "inputs_json", "call", "cell"),
            *("result_json", "session", "ceiling_ticks", "cost_ticks"),
        ],
        "mark": ["asset_id", "starred", "note"],
        "judgement": [
            *("id", "topic", "left", "right", "left_image", "right_image", "verdict", "rater", "judged_at"),
        ],
        "score": ["id", "image", "judge", "values", "scored_at"],
        "spent": ["scope", "emulated", "ticks", "unbounded"],
        "pick": ["id", "topic", "cell", "run_id", "picked_at"],
        "sqlite_sequence": ["name", "seq"],
        "total": ["one", "bytes"],
    }


def test_an_index_that_knows_no_costs_keeps_its_runs_and_does_not_take_them_for_free(full):
    """Layout 2 had no amounts; its manifests have none either."""
    before = everything(full)
    full.close()
    index = sqlite3.connect(full.paths.database)
    forget_totals(index)
    for column in ("session", "ceiling_ticks", "cost_ticks"):
        index.execute(f"ALTER TABLE run DROP COLUMN {column}")
        assert not any(f'"{column}"' in path.read_text() for path in full.paths.manifests.iterdir())
    index.execute("PRAGMA user_version = 2")
    index.commit()
    index.close()
    assert everything(full) == before
    charged = sum(run.charge != "none" for run in before[1])
    assert charged
    assert full.spending(emulated=True) == Spending(unbounded=charged)
    run = entry(session="s", ceiling_ticks=5)
    full.begin(run, None, Budget(session=5))
    assert full.spending(emulated=True, session="s") == Spending(reserved=5)
    full.finish(replace(run, state="failed", charge="none", cost_ticks=0), [])
    maintenance.rebuild(full)
    assert full.spending(emulated=True) == Spending(unbounded=charged)
    assert full.spending(emulated=False) == Spending()
    with pytest.raises(BudgetExceeded, match="may have cost money"):
        full.begin(entry(ceiling_ticks=1), None, Budget(total=100))


def test_no_statement_that_returns_rows_is_carried_out_for_many(store):
    """Python 3.11 allows it; later ones fail at the second row."""
    statements: list[str] = []
    store.begin(entry(), None)
    store.database.connection.set_trace_callback(statements.append)
    with store.database.transaction() as tables:
        tables.add_manifests([Manifest(run=entry(), run_order=place) for place in (1, 2)])
    written = [statement for statement in statements if "INSERT INTO run " in statement]
    assert written
    assert not any("RETURNING" in statement for statement in written)


def test_used_reads_one_row_however_many_records_there_are(store):
    put(store, b"data")
    queries: list[str] = []
    store.database.connection.set_trace_callback(queries.append)  # the index's own log of what it does
    assert store.used == 4
    assert len(queries) == 1
    index = sqlite3.connect(store.folder / "index.sqlite3")
    plan = " ".join(row[3] for row in index.execute(f"EXPLAIN QUERY PLAN {queries[0]}"))
    index.close()
    assert "asset" not in plan


def forget_totals(index: sqlite3.Connection) -> None:
    """Layouts up to 6 summed up all runs, out of an index."""
    for name in ("run_added", "run_ended", "run_changed", "run_removed"):
        index.execute(f"DROP TRIGGER {name}")
    index.execute("DROP TABLE spent")


def work_of(store: LocalStore, task: Callable[[], object]) -> int:
    """How many instructions of its machine SQLite carries out for a task."""
    count = itertools.count()
    store.database.connection.set_progress_handler(lambda: next(count) and 0, 1)
    task()
    store.database.connection.set_progress_handler(None, 0)
    return next(count)


def add_runs(store: LocalStore, number: int, **changes: Any) -> None:
    """As many runs that have ended, without their files."""
    with store.database.transaction() as tables:
        for one in range(number):
            tables.put_run(replace(entry(cell=f"night/{uuid.uuid4()}.1", state="done"), **changes, count=one))


@pytest.mark.parametrize("session", [None, "s"])
def test_what_was_spent_takes_no_more_work_however_many_runs_there_are(store, session):
    store.begin(entry(ceiling_ticks=10, session="s"), None)
    work = []
    for number in (5, 500):
        add_runs(store, number, charge="charged", cost_ticks=3, session="s")
        work.append(work_of(store, partial(store.spending, emulated=True, session=session)))
    assert store.spending(emulated=True, session=session) == Spending(spent=1515, reserved=10)
    assert work[0] >= work[1] > 0  # newer SQLite counts what it does once to understand the query, too


def test_the_runs_of_a_sweep_and_of_a_call_take_work_that_grows_as_they_do(store):
    work = []
    for number in (200, 600):  # 800 in all, four times as many as at first
        add_runs(store, number, call="c")
        tasks = (lambda: list(store.cell_runs("night/")), lambda: list(store.equal_runs("c")))
        work += [work_of(store, task) for task in tasks]
    assert len(list(store.cell_runs("night/"))) == 800
    of_cells, of_calls, more_cells, more_calls = work
    assert more_cells < 4.5 * of_cells
    assert more_calls < 4.5 * of_calls


def test_totals_follow_every_change_of_a_run(store):
    """An interrupted run may yet end, its cost may become known, and a run may be removed."""
    run = entry(session="s", ceiling_ticks=7)
    store.begin(run, None)
    for changes, told in (
        ({"state": "interrupted"}, Spending(spent=7)),
        ({"state": "done", "charge": "charged", "cost_ticks": 4}, Spending(spent=4)),
        ({"state": "done", "charge": "charged", "cost_ticks": None}, Spending(spent=7)),
        ({"state": "failed", "charge": "none"}, Spending()),
        ({"state": "calling"}, Spending(reserved=7)),
        ({"state": "interrupted"}, Spending(spent=7)),
    ):
        with store.database.transaction() as tables:
            tables.put_run(replace(run, **changes))
            for session in (None, "s"):
                assert tables.spending(emulated=True, session=session) == told
            assert tables.spending(emulated=True, session="t") == Spending()
            assert tables.spending(emulated=False) == Spending()
    with store.database.transaction() as tables:
        tables._connection.execute("DELETE FROM run")
        assert tables.spending(emulated=True) == Spending()


def test_an_index_without_totals_gets_them(full):
    sessions = (None, *{run.session for run in full.runs()})
    before = [full.spending(emulated=True, session=session) for session in sessions]
    assert before[0] != Spending()
    full.close()
    index = sqlite3.connect(full.paths.database)
    forget_totals(index)
    index.execute("CREATE INDEX run_spending ON run (emulated, session, state)")
    index.execute("PRAGMA user_version = 6")
    index.commit()
    index.close()
    assert [full.spending(emulated=True, session=session) for session in sessions] == before
    with full.database.read() as tables:
        names = tables._connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    assert ("run_spending",) not in names


def test_a_deleted_record_is_no_longer_counted(store):
    put(store, b"data")
    index = sqlite3.connect(store.folder / "index.sqlite3")
    with index:
        index.execute("DELETE FROM asset")
    index.close()
    assert store.used == 0


def test_the_index_keeps_a_rollback_journal_and_syncs_everything(store):
    put(store, b"data")
    assert store.database.connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert store.database.connection.execute("PRAGMA synchronous").fetchone() == (3,)


# Damage and other versions


@pytest.mark.parametrize("use", [lambda s: s.used, lambda s: list(s.records()), lambda s: s.get("x")])
@pytest.mark.parametrize("garbage", [b"no database at all " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_an_index_that_is_none_is_a_store_error(tmp_path, garbage, use):
    (tmp_path / "index.sqlite3").write_bytes(garbage)
    store = LocalStore(tmp_path)
    with pytest.raises(StoreError, match="index"):
        use(store)
    assert (tmp_path / "index.sqlite3").read_bytes() == garbage


def test_a_damaged_index_gives_records_or_a_store_error(tmp_path):
    rng = random.Random(5)
    store = LocalStore(tmp_path)
    ids = [put(store, bytes([n]) * 50).id for n in range(30)]
    store.close()
    path = tmp_path / "index.sqlite3"
    whole = path.read_bytes()
    for _ in range(60):
        at = rng.randrange(len(whole) - 512)
        path.write_bytes(whole[:at] + rng.randbytes(512) + whole[at + 512 :])
        for use in (lambda s: s.used, lambda s: list(s.records()), lambda s: s.get(ids[0])):
            damaged = LocalStore(tmp_path)
            with suppress(StoreError):
                use(damaged)
            damaged.close()


@pytest.mark.parametrize("name", [b"asset_added", b"asset_run", b"run_calling"])
def test_damaged_names_of_tables_are_told_as_damage_and_built_again(tmp_path, name):
    """SQLite quotes them in the error, whose words then are no text."""
    store = LocalStore(tmp_path)
    stored = put(store, b"data")
    store.close()
    path = tmp_path / "index.sqlite3"
    whole = path.read_bytes()
    at = whole.index(name)
    path.write_bytes(whole[:at] + b"\xd1\xff" * 2 + whole[at + 4 :])
    with pytest.raises(StoreError, match="imagegen-nb store rebuild"):
        put(store, b"more")
    store.close()
    assert maintenance.rebuild(store).problems == []
    assert list(store.records()) == [stored]
    store.close()


def test_a_newer_layout_is_refused_and_left_alone(tmp_path):
    store = LocalStore(tmp_path)
    put(store, b"data")
    store.close()
    index = sqlite3.connect(tmp_path / "index.sqlite3")
    index.execute("PRAGMA user_version = 99")
    index.close()
    before = (tmp_path / "index.sqlite3").read_bytes()
    for use in (lambda s: s.used, lambda s: put(s, b"more")):
        with pytest.raises(StoreError, match="newer version"):
            use(LocalStore(tmp_path))
    assert (tmp_path / "index.sqlite3").read_bytes() == before


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_an_index_that_is_gone_is_built_again_when_the_store_is_used(full, closed):
    before = everything(full)
    if closed:
        full.close()
    full.paths.database.unlink()
    assert everything(full) == before
    assert everything(LocalStore(full.folder)) == before
    assert maintenance.check(full).problems == []


def test_a_run_that_was_killed_after_the_index_was_lost_is_interrupted(full):
    run = entry()
    full.begin(run, None)
    full.close()
    full.paths.database.unlink()
    assert next(other for other in full.runs() if other.run_id == run.run_id).state == "calling"


def test_an_index_without_a_ledger_is_brought_up_to_date(full):
    """As written by the version before: no runs, no manifests."""
    records, _, used = everything(full)
    full.close()
    index = sqlite3.connect(full.paths.database)
    index.executescript("DROP TABLE run; PRAGMA user_version = 1")
    index.close()
    for path in full.paths.manifests.iterdir():
        path.unlink()
    assert everything(full) == (records, [], used)
    assert maintenance.check(full).problems == []
    maintenance.rebuild(full)
    assert everything(full) == (records, [], used)


def test_an_index_of_the_layout_before_keeps_its_runs_and_takes_new_ones(full):
    """Layout 2 had neither prompts nor cells; its manifests have none of them either."""
    before = everything(full)
    full.close()
    later = ("prompt", "settings_json", "inputs_json", "call", "cell", "result_json")
    index = sqlite3.connect(full.paths.database)
    index.executescript("DROP INDEX run_cell; DROP INDEX run_call; PRAGMA user_version = 2")
    for column in later:
        index.execute(f"ALTER TABLE run DROP COLUMN {column}")
    index.commit()
    index.close()
    assert not any(
        f'"{name}"' in path.read_text() for path in full.paths.manifests.iterdir() for name in later
    )
    assert everything(full) == before
    run = entry(prompt="a fox", cell="night/1", settings_json='{"model":"m"}')
    full.begin(run, None)
    full.finish(replace(run, state="done", result_json="{}"), [])
    assert full.find_run(run.run_id).prompt == "a fox"
    assert maintenance.check(full).problems == []
    maintenance.rebuild(full)
    assert full.find_run(run.run_id).cell == "night/1"


def test_a_damaged_manifest_is_told_when_the_index_has_to_be_built_without_it(full):
    path = min(full.paths.manifests.iterdir())
    path.write_bytes(b"{")
    full.close()
    full.paths.database.unlink()
    with pytest.warns(RuntimeWarning, match="missing from the index"):
        _ = full.used


@pytest.mark.parametrize("name", ["index.sqlite3", "index.sqlite3-journal"])
def test_a_planted_link_in_the_place_of_the_index_is_refused(tmp_path, name):
    victim = tmp_path / "victim"
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / name).symlink_to(victim)
    store = LocalStore(tmp_path / "assets")
    with pytest.raises(StoreError, match="link"):
        store.begin(entry(), None)
    assert not victim.exists()


# Forks, in a process of their own so that the tests' threads are not forked


FORK = """
import os, signal, sys, threading
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.store.local import LocalStore

store = LocalStore(sys.argv[1])

def put(data):
    image = CheckedImage(data, "image/png", 1, 1, has_alpha=False)
    store.put([store.stage(image, run_id="r", emulated=False)])

def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

put(b"parent")
"""


@pytest.mark.rigs
def test_parent_and_forked_child_both_go_on_with_a_store(tmp_path):
    program = FORK + (
        "codes = [child(lambda: (put(b'child'), store.used, store.close())) for _ in range(3)]\n"
        "put(b'parent again')\n"
        "print(codes, len(list(store.records())))\n"
    )
    assert run_program(program, tmp_path).strip() == "[0, 0, 0] 5"


@pytest.mark.rigs
def test_a_fork_while_another_thread_uses_the_store_does_not_hang_the_child(tmp_path):
    program = FORK.replace("alarm(10)", "alarm(2)") + (
        "stop = threading.Event()\n"
        "def busy():\n"
        "    while not stop.is_set():\n"
        "        store.used\n"
        "thread = threading.Thread(target=busy)\n"
        "thread.start()\n"
        "codes = [0]\n"
        "while not codes[-1] and len(codes) < 16:\n"
        "    codes.append(child(lambda: store.used))\n"
        "stop.set()\n"
        "thread.join()\n"
        "print(set(codes))\n"
    )
    assert run_program(program, tmp_path).strip() == "{0}"


@pytest.mark.rigs
def test_a_child_forked_during_a_write_leaves_the_parents_journal_alone(tmp_path):
    program = FORK + (
        "journal = os.path.join(sys.argv[1], 'index.sqlite3-journal')\n"
        "store.database.connection.execute('BEGIN IMMEDIATE')\n"
        "store.database.connection.execute('UPDATE total SET bytes = 1')\n"
        "assert os.path.exists(journal)\n"
        "code = child(store.close)\n"
        "print(code, os.path.exists(journal))\n"
        "store.database.connection.execute('COMMIT')\n"
        "print(store.used)\n"
    )
    assert run_program(program, tmp_path).split() == ["0", "True", "1"]


# Connections that nobody closed: Python 3.13 warns of them, and `pytest -W error` makes that a failure


def opened(folder):
    store = LocalStore(folder)
    assert store.used == 0
    return store, store.database.connection


def test_a_store_that_is_dropped_closes_its_connection(tmp_path):
    store, connection = opened(tmp_path)
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_store_in_a_cycle_that_is_dropped_in_another_thread_closes_its_connection(tmp_path):
    connections = []

    def use_and_drop():
        store, connection = opened(tmp_path)
        store.itself = store
        connections.append(connection)

    thread = threading.Thread(target=use_and_drop)
    thread.start()
    thread.join()
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")


def test_a_store_that_is_closed_twice_or_used_again_holds_one_connection(tmp_path):
    store, first = opened(tmp_path)
    store.close()
    store.close()
    assert store.used == 0
    assert store.database.connection is not first
    store.close()
    assert store.database.connection is None


@pytest.mark.rigs
def test_a_store_that_lives_until_the_interpreter_exits_warns_of_nothing(tmp_path):
    program = (
        "import atexit, sqlite3, sys\n"
        "def is_closed():\n"
        "    try:\n"
        "        store.database.connection.execute('SELECT 1')\n"
        "    except sqlite3.ProgrammingError as error:\n"
        "        print(error)\n"
        "atexit.register(is_closed)\n"
        "from imagegen_nb.store.local import LocalStore\n"
        "store = LocalStore(sys.argv[1])\n"
        "store.used\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "Cannot operate on a closed database."
    assert done.stderr == ""


def test_a_database_that_cannot_be_opened_for_want_of_files_is_waited_for(store):
    """SQLite only says that it cannot open it."""
    store.begin(entry("a-run"), None)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []

    def let_go() -> None:
        while taken:
            os.close(taken.pop())

    timer = threading.Timer(0.5, let_go)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        with suppress(OSError):
            while True:
                taken.append(os.open(os.curdir, os.O_RDONLY))
        with pytest.raises(StoreError, match="ulimit -n") as caught, store.database.transaction() as tables:
            tables.put_run(entry("another"))
        assert caught.value.out_of_files
        timer.start()
        image = CheckedImage(b"data", "image/png", 1, 1, has_alpha=False)
        staged = store.stage(image, run_id="a-run", emulated=True)
        store.finish(replace(entry("a-run"), state="done"), [staged])
    finally:
        timer.cancel()
        let_go()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [record.run_id for record in store.records()] == ["a-run"]
    assert [run.state for run in store.runs()] == ["done"]
