"""Runs whose process was killed, or whose end could not be recorded, are recovered by the next start."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from dataclasses import replace

import pytest
from support.ledger import entry, lock_files, marked_runs, new, other_process, states

from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks
from imagegen_nb.store.local import LocalStore

BEGIN_AND_SLEEP = "store.begin(entry('a-run'), None); print('begun', flush=True); time.sleep(60)"


def killed(process: subprocess.Popen[str], after: str) -> None:
    """Kill it as soon as it has said `after`."""
    assert process.stdout is not None
    assert process.stdout.readline().strip() == after
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def test_an_end_that_cannot_be_recorded_leaves_the_run_to_the_next_start(store):
    run = entry()
    store.begin(run, None)
    with pytest.raises(StoreError):
        store.finish(replace(run, state="done", charge="charged"), [new(store, b"data", file_name=None)])
    assert list(store.records()) == []
    assert states(store) == [("interrupted", "unknown")]
    assert lock_files(store) == []


def test_an_end_that_reached_the_manifest_only_is_carried_over(store, monkeypatch):
    """As when the process is killed between the two: what was paid for is not lost."""
    run = entry()
    store.begin(run, None)
    write = store.database.transaction

    def cut_off():
        store.database.connection.set_authorizer(
            lambda action, what, *_: (
                sqlite3.SQLITE_DENY if (action, what) == (22, "COMMIT") else sqlite3.SQLITE_OK
            )
        )
        return write()

    monkeypatch.setattr(store.database, "transaction", cut_off)
    with pytest.raises(StoreError, match="not authorized"):
        store.finish(replace(run, state="done", charge="charged"), [new(store, b"data", run_id=run.run_id)])
    store.close()
    again = LocalStore(store.folder)
    assert list(again.records()) == []
    assert states(again) == [("done", "charged")]
    assert [record.run_id for record in again.records()] == [run.run_id]
    assert again.used == 4
    again.close()


@pytest.mark.rigs
def test_a_killed_run_is_interrupted_and_its_charge_unknown(store):
    killed(
        other_process(
            "store.begin(entry('a-run'), None); print('begun', flush=True); time.sleep(60)", store.folder
        ),
        "begun",
    )
    store.begin(entry("next"), None)
    assert states(store) == [("interrupted", "unknown"), ("calling", "unknown")]
    assert marked_runs(store) == ["next"]
    manifest = json.loads((store.paths.manifests / "a-run.json").read_text())
    assert manifest["run"]["state"] == "interrupted"


@pytest.mark.rigs
def test_a_living_run_of_another_process_is_left_alone(store):
    process = other_process(
        "store.begin(entry('a-run'), None); print('begun', flush=True); input()", store.folder
    )
    assert process.stdout.readline() == "begun\n"
    assert states(store) == [("calling", "unknown")]
    process.communicate("\n", timeout=30)
    assert states(store) == [("interrupted", "unknown")]


@pytest.mark.rigs
def test_a_reservation_goes_with_its_process(store):
    def begin(limit):
        run = entry(estimate=100)
        store.begin(run, limit)
        return run

    killed(
        other_process(
            "store.begin(entry(estimate=100), 100); print('begun', flush=True); time.sleep(60)", store.folder
        ),
        "begun",
    )
    for _ in range(3):
        store.finish(replace(begin(100), state="failed", charge="none"), [])


def test_a_run_whose_lock_file_was_deleted_is_not_stuck(store):
    store.begin(entry("a-run"), None)
    store.close()
    locks.release(store.paths, "a-run")
    assert states(store) == [("interrupted", "unknown")]


@pytest.mark.rigs
def test_a_damaged_manifest_of_a_killed_run_stops_nobody(store):
    killed(
        other_process(
            "store.begin(entry('a-run'), None); print('begun', flush=True); time.sleep(60)", store.folder
        ),
        "begun",
    )
    (store.paths.manifests / "a-run.json").write_bytes(b"\xff{")
    store.begin(entry("next"), None)
    assert states(store)[0] == ("interrupted", "unknown")
