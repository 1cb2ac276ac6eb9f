"""Runs in a store's ledger: entered before anything is asked, ended once, and put in order when killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.ledger import entry, new

from imagegen_nb.errors import StorageLimitReached, StoreError
from imagegen_nb.store import locks
from imagegen_nb.store.local import LocalStore

TESTS = str(Path(__file__).parents[1])


def states(store: LocalStore) -> list[tuple[str, str]]:
    return [(run.state, run.charge) for run in store.runs()]


def lock_files(store: LocalStore) -> list[str]:
    return sorted(path.name for path in store.places.locks.iterdir())


def other(code: str, *arguments: object) -> subprocess.Popen[str]:
    """`code` in a process of its own, with what most of them need at hand."""
    prelude = """
        import os, sys, time
        from support.ledger import entry, new
        from imagegen_nb.store.local import LocalStore
        from imagegen_nb.errors import StorageLimitReached
        store = LocalStore(sys.argv[1])
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": TESTS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(process: subprocess.Popen[str], after: str) -> None:
    """Kill it as soon as it has said `after`."""
    assert process.stdout is not None
    assert process.stdout.readline().strip() == after
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


# One run


def test_a_run_is_in_the_ledger_before_it_has_an_end(store):
    run = entry()
    store.begin(run, None)
    assert list(store.runs()) == [run]
    assert list(LocalStore(store.folder).runs()) == [run], "another store on the folder sees it under way"
    store.finish(replace(run, state="done", charge="charged"), [])


def test_a_run_ends_with_its_images_at_once(store):
    run = entry()
    store.begin(run, None)
    (stored,) = store.finish(
        replace(run, state="done", charge="charged"), [new(store, b"data", run_id=run.run_id)]
    )
    assert list(store.records(run.run_id)) == [stored]
    (ended,) = store.runs()
    assert ended == replace(run, state="done", charge="charged", ended_at=ended.ended_at)
    assert ended.ended_at.endswith("+00:00")
    assert lock_files(store) == []


def test_the_ledger_holds_no_more_than_it_says(store):
    store.begin(entry(), None)
    index = sqlite3.connect(store.places.index)
    columns = [row[1] for row in index.execute("PRAGMA table_info(run)")]
    index.close()
    assert columns == ["seq", *asdict(entry())]


@pytest.mark.parametrize("run_id", ["../outside", "a/b", "", ".", "a\0b", "x" * 81, "a b"])
def test_a_run_id_never_becomes_a_path(store, tmp_path, run_id):
    with pytest.raises(StoreError, match="run id"):
        store.begin(replace(entry(), run_id=run_id), None)
    assert list(store.runs()) == []
    assert [path.name for path in tmp_path.rglob("*") if path.suffix in (".lock", ".json")] == []


def test_an_end_that_cannot_be_recorded_leaves_the_run_to_the_next_start(store):
    run = entry()
    store.begin(run, None)
    with pytest.raises(StoreError):
        store.finish(replace(run, state="done", charge="charged"), [new(store, b"data", file_name=None)])
    assert list(store.records()) == []
    assert states(store) == [("interrupted", "unknown")]
    assert lock_files(store) == []


def test_an_end_that_reached_the_sidecar_only_is_carried_over(store, monkeypatch):
    """As when the process is killed between the two: what was paid for is not lost."""
    run = entry()
    store.begin(run, None)
    write = store.index.writing

    def cut_off():
        store.index.connection.set_authorizer(
            lambda action, what, *_: (
                sqlite3.SQLITE_DENY if (action, what) == (22, "COMMIT") else sqlite3.SQLITE_OK
            )
        )
        return write()

    monkeypatch.setattr(store.index, "writing", cut_off)
    with pytest.raises(StoreError, match="not authorized"):
        store.finish(replace(run, state="done", charge="charged"), [new(store, b"data", run_id=run.run_id)])
    store.close()
    again = LocalStore(store.folder)
    assert list(again.records()) == []
    assert states(again) == [("done", "charged")]
    assert [record.run_id for record in again.records()] == [run.run_id]
    assert again.used == 4
    again.close()


def test_ledger_entries_come_oldest_first(store):
    runs = [entry() for _ in range(5)]
    for run in runs:
        store.begin(run, None)
    for run in reversed(runs):
        store.finish(replace(run, state="failed", charge="none"), [])
    assert [run.run_id for run in store.runs()] == [run.run_id for run in runs]


# Killed processes


def test_a_killed_run_is_interrupted_and_its_charge_unknown(store):
    killed(
        other("store.begin(entry('a-run'), None); print('begun', flush=True); time.sleep(60)", store.folder),
        "begun",
    )
    store.begin(entry("next"), None)
    assert states(store) == [("interrupted", "unknown"), ("calling", "unknown")]
    assert lock_files(store) == ["next.lock"]
    sidecar = json.loads((store.places.runs / "a-run.json").read_text())
    assert sidecar["run"]["state"] == "interrupted"


def test_a_living_run_of_another_process_is_left_alone(store):
    process = other("store.begin(entry('a-run'), None); print('begun', flush=True); input()", store.folder)
    assert process.stdout.readline() == "begun\n"
    assert states(store) == [("calling", "unknown")]
    process.communicate("\n", timeout=30)
    assert states(store) == [("interrupted", "unknown")]


def test_a_reservation_goes_with_its_process(store):
    def begin(limit):
        run = entry(estimate=100)
        store.begin(run, limit)
        return run

    killed(
        other(
            "store.begin(entry(estimate=100), 100); print('begun', flush=True); time.sleep(60)", store.folder
        ),
        "begun",
    )
    for _ in range(3):
        store.finish(replace(begin(100), state="failed", charge="none"), [])


def test_a_lock_file_without_a_run_is_collected(store):
    store.begin(entry("a-run"), None)
    (store.places.locks / "killed-before-its-row.lock").touch()
    (store.places.locks / "killed-before-its-name.tmp").touch()
    assert states(store) == [("calling", "unknown")]
    assert lock_files(store) == ["a-run.lock"]


def test_a_run_whose_lock_file_was_deleted_is_not_stuck(store):
    store.begin(entry("a-run"), None)
    store.close()
    locks.release(store.places, "a-run")
    assert states(store) == [("interrupted", "unknown")]


def test_a_damaged_sidecar_of_a_killed_run_stops_nobody(store):
    killed(
        other("store.begin(entry('a-run'), None); print('begun', flush=True); time.sleep(60)", store.folder),
        "begun",
    )
    (store.places.runs / "a-run.json").write_bytes(b"\xff{")
    store.begin(entry("next"), None)
    assert states(store)[0] == ("interrupted", "unknown")


def test_strange_files_among_the_locks_stop_nobody(store, tmp_path):
    store.begin(entry("a-run"), None)
    (store.places.locks / "a folder.lock").mkdir()
    (store.places.locks / "not a name.lock").touch()
    (store.places.locks / "link.lock").symlink_to(tmp_path / "victim")
    store.begin(entry("next"), None)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("place", ["locks", "runs"])
def test_a_planted_folder_link_leads_no_lock_and_no_sidecar_outside(tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / place).symlink_to(outside)
    store = LocalStore(tmp_path / "assets")
    with pytest.raises(StoreError):
        store.begin(entry(), None)
    assert list(outside.iterdir()) == []
    store.close()


def test_a_planted_link_in_the_place_of_a_sidecar_is_replaced(store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    store.begin(entry(), None)
    (store.places.runs / "a-run.json").symlink_to(victim)
    store.begin(entry("a-run"), None)
    assert victim.read_text() == "mine"
    assert not (store.places.runs / "a-run.json").is_symlink()


@pytest.mark.parametrize("name", ["index.sqlite3", "index.sqlite3-journal"])
def test_a_planted_link_in_the_place_of_the_index_is_refused(tmp_path, name):
    victim = tmp_path / "victim"
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / name).symlink_to(victim)
    store = LocalStore(tmp_path / "assets")
    with pytest.raises(StoreError, match="link"):
        store.begin(entry(), None)
    assert not victim.exists()


# The limit


def test_runs_under_way_count_by_their_estimate(store):
    first = entry(estimate=60)
    store.begin(first, 100)
    store.begin(entry(estimate=60), 100)
    with pytest.raises(StorageLimitReached, match="0 of 100 bytes are in use, 120 more are reserved"):
        store.begin(entry(), 100)
    store.finish(replace(first, state="failed", charge="none"), [])
    store.begin(entry(), 100)


def test_a_refused_run_leaves_nothing_behind(store):
    store.begin(entry("a-run", estimate=100), 100)
    with pytest.raises(StorageLimitReached):
        store.begin(entry("refused"), 100)
    assert [run.run_id for run in store.runs()] == ["a-run"]
    assert lock_files(store) == ["a-run.lock"]
    assert [path.name for path in store.places.runs.iterdir()] == ["a-run.json"]


def test_threads_at_the_limit_pass_it_by_one_run_at_most(store):
    begun, refused = [], []

    def start():
        run = entry(estimate=10)
        try:
            store.begin(run, 35)
            begun.append(run)
        except StorageLimitReached:
            refused.append(run)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(begun), len(refused)) == (4, 4)


# Forks


def test_a_forked_child_does_not_keep_its_parents_run_alive(store):
    process = other(
        """
        store.begin(entry("a-run"), None)
        if os.fork() == 0:
            print("forked", flush=True)
            sys.stdin.read()
            os._exit(0)
        time.sleep(60)
        """,
        store.folder,
    )
    assert process.stdout.readline() == "forked\n"
    process.send_signal(signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert states(store) == [("interrupted", "unknown")], "the child is still there, and holds nothing"
    process.returncode = -signal.SIGKILL
    process.stdin.close()
    process.stdout.close()


def test_a_run_of_a_forked_child_is_its_own(store):
    program = """
        store.begin(entry("parents"), None)
        if os.fork() == 0:
            store.begin(entry("childs"), None)
            os._exit(0)
        os.wait()
        print([(run.run_id, run.state) for run in store.runs()])
    """
    out, _ = other(program, store.folder).communicate(timeout=60)
    assert out.strip() == "[('parents', 'calling'), ('childs', 'interrupted')]"
