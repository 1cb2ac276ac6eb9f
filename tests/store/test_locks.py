"""Lock files of runs under way: who holds them, who removes them, and what a fork inherits."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.ledger import entry, lock_files, other_process, states

from imagegen_nb.store import locks


def test_a_lock_file_without_a_run_is_collected(store):
    store.begin(entry("a-run"), None)
    marker, lock = sorted(lock_files(store), reverse=True, key=lambda name: name.endswith(".run"))
    assert marker == f"a-run.{lock.removesuffix('.lock')}.run"
    (store.paths.locks / "killed-before-its-row.lock").touch()
    (store.paths.locks / "killed-before-its-row.killed.run").touch()
    (store.paths.locks / "killed-before-its-name.tmp").touch()
    assert states(store) == [("calling", "unknown")]
    assert sorted(lock_files(store)) == sorted([marker, lock])


def test_many_runs_hold_one_open_file(store):
    def open_files():
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    store.begin(entry("first"), None)
    gc.collect()  # what other tests left open is not closed in the midst of this one
    before = open_files()
    runs = [entry(f"run-{number}") for number in range(50)]
    for run in runs:
        store.begin(run, None)
    assert open_files() == before
    assert sum(name.endswith(".lock") for name in lock_files(store)) == 1
    for run in [*runs, entry("first")]:
        store.finish(replace(run, state="failed", charge="none"), [])
    assert lock_files(store) == []
    assert open_files() == before - 1


def test_a_lock_of_an_earlier_version_keeps_its_run_alive(store):
    """It has the run's own name, and no marker."""
    store.begin(entry("a-run"), None)
    locks.release(store.paths, "a-run")
    store.paths.locks.mkdir(exist_ok=True)
    with (store.paths.locks / "a-run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert states(store) == [("calling", "unknown")]
    assert states(store) == [("interrupted", "unknown")]
    assert lock_files(store) == []


def test_a_deleted_lock_is_made_anew(store):
    store.begin(entry("a-run"), None)
    shutil.rmtree(store.paths.locks)
    store.begin(entry("next"), None)
    assert states(store) == [("interrupted", "unknown"), ("calling", "unknown")]
    assert len(lock_files(store)) == 2


def test_strange_files_among_the_locks_stop_nobody(store, tmp_path):
    store.begin(entry("a-run"), None)
    (store.paths.locks / "a folder.lock").mkdir()
    (store.paths.locks / "not a name.lock").touch()
    (store.paths.locks / "link.lock").symlink_to(tmp_path / "victim")
    store.begin(entry("next"), None)
    assert not (tmp_path / "victim").exists()


@pytest.mark.rigs
def test_a_forked_child_does_not_keep_its_parents_run_alive(store):
    process = other_process(
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


@pytest.mark.rigs
def test_a_run_of_a_forked_child_is_its_own(store):
    program = """
        store.begin(entry("parents"), None)
        if os.fork() == 0:
            store.begin(entry("childs"), None)
            os._exit(0)
        os.wait()
        print([(run.run_id, run.state) for run in store.runs()])
    """
    out, _ = other_process(program, store.folder).communicate(timeout=60)
    assert out.strip() == "[('parents', 'calling'), ('childs', 'interrupted')]"


FORKING = """
import os, sys, threading, time
from pathlib import Path
from imagegen_nb.store import database
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store import locks

store, recovering = LocalStore(sys.argv[1]), threading.Event()

def recover():
    with store.database.lock:
        recovering.set()
        time.sleep(0.3)
        locks.owners(store.paths, ())

thread = threading.Thread(target=recover, daemon=True)
thread.start()
recovering.wait()
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_fork_waits_for_a_recovery_and_not_for_ever(tmp_path):
    """Whichever of the modules is loaded first."""
    subprocess.run([sys.executable, "-c", FORKING, str(tmp_path)], check=True, timeout=60)
