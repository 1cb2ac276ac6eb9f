"""Runs whose process was killed, or whose end could not be recorded, are recovered by the next start."""

from __future__ import annotations

import errno
import json
import signal
import sqlite3
import subprocess
from dataclasses import replace

import pytest
from support.disks import fill_up, small_disk, stop_growth
from support.ledger import blob_files, content, entry, lock_files, marked_runs, new, other_process, states

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks, maintenance, manifests
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


LONG = json.dumps({"warnings": ["x" * 100_000]})
"""An end that needs more pages of the index than it has."""


def test_an_end_for_which_the_index_has_no_room_is_recorded_when_there_is_some(store):
    """The images are paid for: the error says where they lie, and nobody deletes them."""
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    stop_growth(store)
    with pytest.raises(StoreError) as caught:
        store.finish(replace(run, state="done", charge="charged", result_json=LONG), [image])
    (path,) = blob_files(store)
    assert "the disk is full. Free some space" in str(caught.value)
    assert f"Its image is kept, in {path}; when that is mended, the next run there, or " in str(caught.value)
    assert f"imagegen-nb store check {store.folder}, enters it in the ledger" in str(caught.value)
    assert lock_files(store) == []
    with pytest.raises(StoreError, match="disk is full"):
        maintenance.gc(store)
    assert blob_files(store) == [path]
    with pytest.warns(RuntimeWarning, match="disk is full.*Runs whose process is gone are listed as under"):
        assert states(store) == [("calling", "unknown")]
    report = maintenance.check(store)
    assert [problem.partition(": the disk")[0] for problem in report.problems] == [
        f"cannot write the index in {store.folder}"
    ]
    assert (len(report.runs), report.orphans, report.can_be_mended) == (1, (), False)

    again = LocalStore(store.folder)
    report = maintenance.check(again)
    assert (report.problems, report.orphans) == ([], ())
    assert states(again) == [("done", "charged")]
    assert [content(again, record.id) for record in again.records()] == [b"data"]
    again.close()


def test_an_end_that_is_written_nowhere_leaves_images_that_the_error_names(store, monkeypatch):
    run = entry()
    store.begin(run, None)
    images = [new(store, data, run_id=run.run_id) for data in (b"one", b"two")]

    def refuse(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(manifests, "write", refuse)
    with pytest.raises(StoreError) as caught:
        store.finish(replace(run, state="done", charge="charged"), images)
    monkeypatch.undo()
    assert "Its 2 images are kept, in /" in str(caught.value)
    assert all(str(path) in str(caught.value) for path in blob_files(store))
    assert "copy them elsewhere, before imagegen-nb store gc deletes them" in str(caught.value)
    assert states(store) == [("interrupted", "unknown")]


def test_an_end_without_images_tells_of_none(store):
    run = entry()
    store.begin(run, None)
    stop_growth(store)
    with pytest.raises(StoreError, match=r"another folder$"):
        store.finish(replace(run, state="failed", charge="none", result_json=LONG), [])
    again = LocalStore(store.folder)
    assert states(again) == [("failed", "none")]
    again.close()


def test_an_index_that_is_built_again_has_what_only_the_manifest_tells(store):
    first = entry()
    store.begin(first, None)
    store.finish(replace(first, state="done"), [new(store, b"first", run_id=first.run_id)])
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    stop_growth(store)
    with pytest.raises(StoreError):
        store.finish(replace(run, state="done", charge="charged", result_json=LONG), [image])
    store.close()
    store.paths.database.write_bytes(b"no database " * 100)
    report = maintenance.rebuild(store)
    assert (report.problems, report.orphans) == ([], ())
    assert [content(store, record.id) for record in store.records()] == [b"first", b"data"]


@pytest.fixture
def disk(tmp_path):
    """A disk of half a megabyte."""
    with small_disk(tmp_path / "disk", 1 << 19) as folder:
        if folder is None:
            pytest.skip("no file system may be mounted here")
        yield folder


@pytest.mark.rigs
def test_a_run_that_has_begun_can_be_ended_on_a_full_disk(disk):
    store = LocalStore(disk / "assets")
    run = entry(prompt="A lamp " * 3_000)
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    fill_up(disk)
    store.finish(replace(run, state="done", charge="charged"), [image])
    assert states(store) == [("done", "charged")]
    store.close()


@pytest.mark.rigs
def test_an_image_may_have_the_room_that_was_for_the_end(disk):
    store = LocalStore(disk / "assets")
    run = entry()
    store.begin(run, None)
    ballast = fill_up(disk)
    data = bytes(range(256)) * 240
    image = CheckedImage(data, "image/png", 64, 48, has_alpha=False)
    record = store.stage(image, run_id=run.run_id, emulated=False)
    with pytest.raises(StoreError, match="Its image is kept, in "):
        store.finish(replace(run, state="done", charge="charged"), [record])
    ballast.unlink()
    (path,) = blob_files(store)
    assert path.read_bytes() == data
    store.close()


@pytest.mark.rigs
def test_a_run_whose_end_would_have_no_room_does_not_begin(disk):
    store = LocalStore(disk / "assets")
    assert list(store.runs()) == []
    ballast = fill_up(disk, but=40_000)
    with pytest.raises(StoreError, match=r"cannot enter the run in .*: the disk is full\. Free some space"):
        store.begin(entry(), None)
    assert lock_files(store) == []
    ballast.unlink()
    store.begin(entry(), None)
    store.close()


@pytest.mark.rigs
def test_a_run_that_was_killed_is_recovered_on_a_full_disk(disk):
    killed(other_process(BEGIN_AND_SLEEP, disk / "assets"), "begun")
    fill_up(disk)
    store = LocalStore(disk / "assets")
    assert states(store) == [("interrupted", "unknown")]
    assert lock_files(store) == []
    store.close()


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
