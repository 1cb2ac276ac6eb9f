"""Pools, forks and programs that a recording process starts: refused before anything is asked, never lost."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from support.cassettes import LAMP, pictures
from support.environment import own_environment

import imagegen_nb
from imagegen_nb import Workspace, replay
from imagegen_nb.core import active_cassette, ancestors
from imagegen_nb.core.active_cassette import PARENT_VARIABLE
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import cassette_file, processes

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # a fork beside threads
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


def draw(folder: str, backend: str) -> list[str]:
    """In a child: one run, and its pictures; or what was refused."""
    try:
        return pictures(LAMP.run(workspace=Workspace(folder, backend=backend, timeout=30)))
    except ReplayError as error:
        return [str(error)]


CHILDREN = ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize("start", CHILDREN)
def test_a_pool_is_refused_while_recording_and_replays_in_a_replay(start, emulator, project):
    method = multiprocessing.get_context(start)
    with replay.use("hero", "all"):
        recorded = draw("assets", emulator.url)
        with ProcessPoolExecutor(1, mp_context=method) as pool:
            (refused,) = pool.submit(draw, "assets", emulator.url).result()
    assert "cassette 'hero' is recorded by the process that started this one" in refused
    assert "nothing was sent" in refused
    assert emulator.count() == 1
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == 1
    with replay.use("hero"), ProcessPoolExecutor(1, mp_context=method) as pool:
        assert pool.submit(draw, "live", "live").result() == recorded
    assert emulator.count() == 1
    assert PARENT_VARIABLE not in os.environ


def test_threads_and_several_runs_at_once_are_recorded(emulator, workspace, live):
    steps = [LAMP.replace(prompt=f"lamp {number}") for number in range(4)]
    with replay.use("hero", "all"), ThreadPoolExecutor(4) as pool:
        recorded = [pictures(run) for run in pool.map(lambda step: step.run(workspace=workspace), steps)]
    with replay.use("hero"):
        assert [pictures(step.run(workspace=live)) for step in steps] == recorded


def test_a_forked_child_leaves_what_its_parent_recorded(workspace, project):
    with replay.use("hero", "all") as session:
        LAMP.run(workspace=workspace)
        child = os.fork()
        if not child:
            try:
                session.save()
                session.close()
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not cassette_file.exists(project / "cassettes/hero")
        LAMP.replace(prompt="a fox").run(workspace=workspace)
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == 2


PROGRAM = """
    import subprocess, sys
    from concurrent.futures import ProcessPoolExecutor
    import multiprocessing
    import imagegen_nb as ig

    def draw(prompt):
        step = ig.ImageGenerationStep(prompt=prompt, image_size="1024x1024")
        return step.run(workspace=ig.Workspace("assets", timeout=60)).status

    if __name__ == "__main__":
        if sys.argv[1] == "child":
            print(draw("a child's lamp"))
        elif sys.argv[1] == "program":
            print(draw("a lamp"))
            print(subprocess.run([sys.executable, __file__, "child"], capture_output=True, text=True).stderr)
        else:
            pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            try:
                print(pool.submit(draw, "a child's lamp").result())
            except ig.errors.ReplayError as error:
                print(error)
            pool.shutdown()
"""


@pytest.mark.parametrize("who", ["program", "pool before the first run"])
def test_a_process_whose_environment_names_the_cassette(who, emulator, project):
    Path("main.py").write_text(textwrap.dedent(PROGRAM))
    variables = replay.environment_for(project / "cassettes/hero", mode="all", against=emulator.url)
    done = subprocess.run(
        [sys.executable, "main.py", who],
        env={**own_environment(), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "cassette 'hero' is recorded by the process that started this one" in done.stdout
    assert emulator.count() == (who == "program")


DESCENDANT = """
    import multiprocessing, os, subprocess, sys, time
    from concurrent.futures import ProcessPoolExecutor
    sys.path.insert(0, sys.argv[1])
    import imagegen_nb as ig

    def draw(prompt="a lamp"):
        step = ig.ImageGenerationStep(prompt=prompt, image_size="1024x1024")
        try:
            run = step.run(workspace=ig.Workspace("theirs", backend=sys.argv[2], timeout=60))
            return f"{run.status}, replayed: {run.replayed}"
        except ig.errors.ReplayError as error:
            return str(error)

    def leave():
        # As a daemon does: the parent ends, and another one takes its place.
        parent = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == parent:
            time.sleep(0.01)

    if __name__ == "__main__":
        who = sys.argv[3]
        if who in ("spawn", "forkserver", "fork"):
            with ProcessPoolExecutor(1, multiprocessing.get_context(who)) as pool:
                print(pool.submit(draw).result())
        elif who == "grandchild":
            subprocess.run(["/bin/sh", "-c", '"$@"; :', "sh", *sys.orig_argv[:-1], "child"], env={})
        else:
            if who in ("daemon", "stranger"):
                leave()
            print(draw())
"""


def run_as(who, address, **variables):
    """What a process says that this one starts with `variables` alone."""
    Path("descendant.py").write_text(textwrap.dedent(DESCENDANT))
    root = str(Path(imagegen_nb.__file__).parents[1])
    if who == "stranger":
        variables.pop(PARENT_VARIABLE, None)
    done = subprocess.run(
        [sys.executable, "descendant.py", root, address, who], env=variables, capture_output=True, text=True
    )
    return done.stdout.strip() + done.stderr


DESCENDANTS = ["child", "grandchild", *CHILDREN]


@pytest.mark.parametrize("who", DESCENDANTS)
def test_a_descendant_is_known_whatever_its_environment(who, emulator, project):
    """Neither the variable nor TMPDIR is handed on."""
    refused = "cassette 'hero' is recorded by the process that started this one"
    with replay.use("hero", "all"):
        draw("assets", emulator.url)
        assert refused in run_as(who, emulator.url, TMPDIR="/var/tmp", HOME="/nowhere")
        assert emulator.count() == 1
    with replay.use("hero"):
        assert run_as(who, emulator.url) == "done, replayed: True"
    assert emulator.count() == 1


def test_a_descendant_replays_what_the_environment_of_its_ancestor_names(emulator, project, monkeypatch):
    with replay.use("hero", "all"):
        draw("assets", emulator.url)
    monkeypatch.setenv(active_cassette.CASSETTE_VARIABLE, str(project / "cassettes/hero"))
    try:
        draw("other", "live")
        assert run_as("child", emulator.url) == "done, replayed: True"
    finally:
        active_cassette.current().close()
    assert emulator.count() == 1


def test_a_daemon_is_known_by_the_variable_and_a_stranger_is_none(emulator, project):
    with replay.use("hero", "all"):
        assert "is recorded by the process" in run_as("daemon", emulator.url, **own_environment())
        assert emulator.count() == 0
        assert run_as("stranger", emulator.url) == "done, replayed: False"
    assert emulator.count() == 1


def test_a_descendant_with_a_cassette_of_its_own_records_it(emulator, project):
    """As the kernel of a notebook does that a recorded notebook records or tests."""
    own = replay.environment_for(project / "cassettes/own", mode="all", against=emulator.url)
    with replay.use("hero", "all"):
        assert run_as("child", emulator.url, **own) == "done, replayed: False"
        draw("assets", emulator.url)
    assert run_as("child", emulator.url) == "done, replayed: False"
    for name in ("hero", "own"):
        assert len(cassette_file.read(project / "cassettes" / name)[1]) == 1


def test_a_cassette_that_is_put_in_use_later_is_found_then(monkeypatch, tmp_path):
    """A file that a killed process left must not settle it for ever."""
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path),))
    path = active_cassette.temporary_file(str(os.getppid()))
    path.write_text("record:/x/hero")
    assert active_cassette.current() is None
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ReplayError, match="'hero' is recorded"):
            active_cassette.current()


def test_a_number_used_again_is_another_process(monkeypatch, tmp_path):
    """Or one of a container with the same temporary folder, which counts its processes from 1 as well."""
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path),))
    parent = ancestors.ancestors()[0]
    with active_cassette.temporary_file(str(parent.number)).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"record {parent.started}0:/x/hero")
        file.flush()
        assert processes.parent() is None
        file.seek(0)
        file.write(f"record {parent.started}:/x/hero ")
        file.flush()
        assert processes.parent() == processes.Parent(True, Path("/x/hero "))


def test_a_process_is_no_descendant_of_itself(monkeypatch, tmp_path):
    """Its threads find what it has in use, not what it tells its children."""
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path),))
    with replay.use("hero", "all"), ThreadPoolExecutor(1) as pool:
        assert active_cassette.temporary_file(str(os.getpid())).exists()
        assert pool.submit(processes.parent).result() is None
        assert pool.submit(active_cassette.current).result().name == "hero"


def test_a_folder_that_cannot_be_written_is_replaced_by_the_temporary_one(monkeypatch, tmp_path):
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path / "nothing"),))
    assert str(active_cassette.temporary_file("1").parent) == tempfile.gettempdir()


def test_two_processes_do_not_record_one_cassette_at_once(emulator, project):
    Path("main.py").write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, "main.py", "child"]
    variables = {
        **own_environment(),
        **replay.environment_for(project / "cassettes/hero", mode="all", against=emulator.url),
    }
    with replay.use("hero", "all"):
        assert "'hero' is being recorded by another process" in run_as("stranger", emulator.url, **variables)
        assert emulator.count() == 0
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


def test_what_a_recording_notebook_starts_is_no_kernel(monkeypatch, project):
    monkeypatch.setenv("IMAGEGEN_NB_NOTEBOOK", "hero.ipynb")
    with pytest.raises(ReplayError, match="Make the calls in that process"):
        processes.refuse_children(project / "hero")


def test_nothing_is_left_in_the_temporary_folder(monkeypatch, tmp_path, workspace):
    """Of this process, nor of one that was killed."""
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path / "temporary"),))
    (tmp_path / "temporary").mkdir()
    abandoned, new = (active_cassette.temporary_file(name) for name in ("1", "2"))
    for path in (abandoned, new):
        path.write_text("record:/x")
    os.utime(abandoned, (0, 0))
    with replay.use("hero", "all"):
        LAMP.run(workspace=workspace)
        assert len(list((tmp_path / "temporary").glob("*.cassette"))) == 3
    assert list((tmp_path / "temporary").glob("*.cassette")) == [new]


@pytest.mark.parametrize("text", ["", "x", "1", "../1", "this process"])
def test_a_variable_that_says_nothing_means_nothing(text, monkeypatch):
    monkeypatch.setenv(PARENT_VARIABLE, str(os.getpid()) if text == "this process" else text)
    assert processes.parent() is None


@pytest.mark.parametrize("content", [b"", b"record", b"record:", b"\xff", b"record:/of/a/process/that/ended"])
def test_what_an_ended_process_left_means_nothing(content, monkeypatch, tmp_path):
    monkeypatch.setattr(active_cassette, "SHARED_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv(PARENT_VARIABLE, "1")
    active_cassette.temporary_file("1").write_bytes(content)
    assert processes.parent() is None
