"""Lock files of runs under way: who holds them, who removes them, and what a fork inherits."""

from __future__ import annotations

import os
import signal

import pytest
from support.ledger import entry, lock_files, other_process, states


def test_a_lock_file_without_a_run_is_collected(store):
    store.begin(entry("a-run"), None)
    (store.paths.locks / "killed-before-its-row.lock").touch()
    (store.paths.locks / "killed-before-its-name.tmp").touch()
    assert states(store) == [("calling", "unknown")]
    assert lock_files(store) == ["a-run.lock"]


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
