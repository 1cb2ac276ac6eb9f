"""Maintenance of a store below a URL: a log is mended, and nothing is deleted that somebody is writing."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from support.ledger import content, entry, everything, judgement, new, other_process, put, states
from support.object_server import first

from imagegen_nb.errors import StoreError
from imagegen_nb.store import (
    maintenance,
    object_client,
    object_leases,
    object_log,
    object_log_mending,
    object_maintenance,
    object_store,
)
from imagegen_nb.store.object_store import ObjectStore

DAY = timedelta(days=1)
SEGMENT = 8
"""Entries of a segment, in these tests: with 64, as it is, each takes seconds and reads the same lines."""


@pytest.fixture
def store(object_server):
    store = ObjectStore(object_server.new_url())
    object_server.forget()
    return store


@pytest.fixture
def old(monkeypatch):
    """Everything counts as old enough to be deleted."""
    monkeypatch.setattr(object_maintenance, "OLD_ENOUGH", -DAY)


def again(store: ObjectStore) -> ObjectStore:
    return ObjectStore(store.url)


@pytest.fixture
def long(store, monkeypatch):
    """With a segment and a few entries more."""
    for module in (object_log, object_log_mending):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)
    put(store, b"data")
    for number in range(SEGMENT + 3):
        store.keep_judgement(judgement(number))
    return store


# The log


@pytest.mark.parametrize(
    "harm", [b"", b"{", b'{"layout":2}', None], ids=["empty", "cut off", "later", "gone"]
)
@pytest.mark.parametrize("number", [1, 3, SEGMENT])
def test_an_entry_that_its_segment_has_is_written_again(long, harm, number):
    key = f"log/{number:012}.json"
    whole = long._objects.read(key, 10_000)
    before = everything(long)
    long._objects.remove([key]) if harm is None else long._objects.write(key, harm)
    (problem,) = maintenance.check(again(long)).problems
    assert problem.startswith(f"{key} is {'missing' if harm is None else 'damaged'}, but its segment has it")
    assert len(maintenance.check(again(long)).records) == 1, "read past it"
    assert maintenance.check(again(long), quick=True).problems == [], "which reads segments, as who opens it"
    report = maintenance.rebuild(again(long))
    assert (report.problems, long._objects.read(key, 10_000)) == ([], whole)
    assert everything(again(long)) == before


@pytest.mark.parametrize("harm", [b"", b"{}", b"\n" * (SEGMENT - 1)])
def test_a_damaged_segment_is_written_again_out_of_the_log(long, harm):
    key = "segments/000000000001.jsonl"
    whole = long._objects.read(key, 1 << 20)
    long._objects.write(key, harm)
    assert maintenance.check(again(long)).problems == [f"{key} is damaged: build it again"]
    assert maintenance.rebuild(again(long)).problems == []
    assert long._objects.read(key, 1 << 20) == whole
    assert len(again(long).judgements("night")) == SEGMENT + 3


def test_a_segment_that_says_otherwise_does_not_outdo_the_log(long):
    key = "segments/000000000001.jsonl"
    whole = long._objects.read(key, 1 << 20)
    long._objects.write(key, whole.replace(b'"tie"', b'"left"').replace(b'"left"', b'"right"', 1))
    assert maintenance.check(again(long)).problems == [f"{key} is damaged: build it again"]
    maintenance.rebuild(again(long))
    assert long._objects.read(key, 1 << 20) == whole


def test_a_segment_that_nobody_wrote_yet_is_no_problem_and_is_built(long):
    key = "segments/000000000001.jsonl"
    whole = long._objects.read(key, 1 << 20)
    long._objects.remove([key])
    assert maintenance.rebuild(long).problems == []
    assert long._objects.read(key, 1 << 20) == whole


def test_an_entry_that_nothing_has_is_told_and_nothing_is_called_unused_then(long, old):
    key = f"log/{SEGMENT + 2:012}.json"
    new(long, b"whose record may have been in that entry")
    assert maintenance.check(long).orphans
    long._objects.remove([key])
    for report in (maintenance.check(again(long)), maintenance.rebuild(again(long))):
        (problem,) = report.problems
        assert problem.startswith(f"{key} is missing, and no segment has it: restore it")
        assert (len(report.records), report.orphans) == (1, ())
    with pytest.raises(StoreError, match="is missing"):
        maintenance.gc(again(long))
    assert len(long._objects.names("blobs")) == 2


# What is asked


def test_a_check_reads_each_image_once_and_counts_its_requests(store, object_server):
    for number in range(5):
        put(store, b"%d" % number)
    put(store, b"4")
    opened = again(store)
    object_server.forget()
    report = maintenance.check(opened)
    kinds = object_server.kinds()
    counted = {kind: sum(one.startswith(kind) for one in kinds) for kind in ("GET", "LIST", "PUT")}
    assert {kind: report.requests[kind] for kind in counted} == counted
    assert kinds.count("GET blobs") == 5
    assert report.requests["bytes"] > 5
    object_server.forget()
    assert maintenance.check(opened, quick=True).problems == []
    assert "GET blobs" not in object_server.kinds()


def test_more_objects_than_a_page_are_listed_and_deleted_by_pages(old, store, object_server, monkeypatch):
    monkeypatch.setattr(object_client, "_PAGE", 4)
    for number in range(9):
        new(store, b"%d" % number)
    object_server.forget()
    removal = maintenance.gc(again(store))
    assert len(removal.removed) == 9
    assert object_server.kinds().count("POST") == 1 + 3, "a new store's probe, and bulk deletions"
    assert store._objects.names("blobs") == []
    assert removal.requests["DELETE"] == 1 + 3


def test_what_is_gone_already_hinders_no_deletion(tmp_path):
    objects = object_client.Objects((tmp_path / "files").as_uri())
    objects.write("blobs/one", b"1")
    objects.write("blobs/two", b"2")
    objects.remove(["blobs/none", "blobs/one", "blobs/two"])
    assert objects.names("blobs") == []


def test_who_may_only_read_can_check(store, object_server):
    put(store, b"data")
    opened = again(store)
    with object_server.failing(first(1000, 403, "PUT", "/")):
        report = maintenance.check(opened)
    assert (report.problems, len(report.records)) == ([], 1)


# What somebody may be writing


def test_young_files_stay_and_are_told(store):
    new(store, b"of a run that was killed just now")
    report = maintenance.check(store)
    assert (len(report.recent), report.orphans) == (1, ())
    removal = maintenance.gc(store)
    assert (removal.removed, removal.recent) == ((), report.recent)
    assert len(store._objects.names("blobs")) == 1


def test_ages_are_told_by_the_services_clock(store, monkeypatch):
    """Nobody asks what time it is on this machine."""
    new(store, b"of a run that was killed just now")
    monkeypatch.setattr(object_maintenance, "datetime", None)
    assert len(maintenance.gc(store).recent) == 1


def test_leases_left_over_are_told_and_deleted_when_old(store, monkeypatch):
    run = entry()
    other = again(store)
    other.begin(run, None)
    other.finish(replace(run, state="failed", charge="none"), [])
    lease = f"leases/{other._lease.owner}.json"
    assert maintenance.check(store).recent == ()
    monkeypatch.setattr(object_leases, "LEASE", -1.0)
    assert lease in maintenance.check(store).recent
    monkeypatch.setattr(object_maintenance, "OLD_ENOUGH", -DAY)
    monkeypatch.setattr(ObjectStore, "_recover", lambda *_args, **_more: None)
    assert lease in maintenance.check(store).orphans
    monkeypatch.setattr(object_leases.Lease, "is_sure", True)
    assert lease in maintenance.gc(store).removed
    assert lease not in store._objects.names("leases")


def test_no_run_begins_while_files_are_deleted_and_it_goes_on_afterwards(old, store, monkeypatch):
    monkeypatch.setattr(object_store, "_PAUSE", 0.01)
    new(store, b"the same image")
    runner, ended = again(store), threading.Event()
    delete, began = store._objects.remove, threading.Event()
    run = entry()

    def begin() -> None:
        runner.begin(run, None)
        began.set()
        runner.finish(
            replace(run, state="done", charge="charged"), [new(runner, b"the same image", run_id=run.run_id)]
        )
        ended.set()

    thread = threading.Thread(target=begin)

    def remove(keys: list[str]) -> None:
        thread.start()
        assert not began.wait(0.5), "it waits"
        delete(keys)

    monkeypatch.setattr(store._objects, "remove", remove)
    assert len(maintenance.gc(store).removed) == 1
    assert ended.wait(60)
    thread.join()
    (record,) = again(store).records()
    assert content(again(store), record.id) == b"the same image"


def test_what_was_recorded_since_the_look_is_not_deleted(old, store, monkeypatch):
    staged = new(store, b"data")
    look = object_maintenance.ObjectMaintenance.unused

    def unused(self, named):
        found = look(self, named)
        again(store).put([staged])
        return found

    monkeypatch.setattr(object_maintenance.ObjectMaintenance, "unused", unused)
    assert maintenance.gc(store).removed == ()
    assert content(again(store), staged.id) == b"data"


def test_a_run_that_began_since_the_look_ends_the_deletion(old, store, monkeypatch):
    new(store, b"data")
    take = object_leases.Lease.take

    def begin_first(self, run_id):
        if run_id == object_maintenance.TIDYING:
            other.begin(entry("just-begun"), None)
        take(self, run_id)

    other = again(store)
    monkeypatch.setattr(object_leases.Lease, "take", begin_first)
    with pytest.raises(StoreError, match=r"runs are under way \(1\)"):
        maintenance.gc(store)
    assert len(store._objects.names("blobs")) == 1
    assert states(store) == [("calling", "unknown")]


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt])
def test_a_deletion_that_breaks_off_leaves_the_store_open(old, store, monkeypatch, fault):
    new(store, b"data")

    def fail(_keys: object) -> None:
        raise fault

    monkeypatch.setattr(store._objects, "remove", fail)
    with pytest.raises(fault):
        maintenance.gc(store)
    again(store).begin(entry(), None)


def test_a_killed_deletion_ends_with_its_lease(old, store, monkeypatch):
    monkeypatch.setattr(object_store, "_PAUSE", 0.01)
    monkeypatch.setattr(object_store, "_PATIENCE", 0.2)
    store._lease.renew()
    store._log.commit(lambda _: [object_store.Change(tidying=store._lease.owner)])
    waiting = again(store)
    with pytest.raises(StoreError, match="unused files are being deleted"):
        waiting.begin(entry(), None)
    store._objects.remove([f"leases/{store._lease.owner}.json"])
    again(store).begin(entry(), None)
    assert [run.state for run in again(store).runs()] == ["calling"]


def test_who_may_be_taken_for_gone_deletes_nothing_more(old, store, monkeypatch):
    new(store, b"data")
    monkeypatch.setattr(object_leases.Lease, "is_sure", False)
    with pytest.raises(StoreError, match="0 of 1 unused files were deleted"):
        maintenance.gc(store)
    assert len(store._objects.names("blobs")) == 1
    again(store).begin(entry(), None)


def test_a_process_that_slept_brings_its_images_back(old, store, monkeypatch):
    """It was taken for gone, and its image for unused, after a day."""
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    store._objects.remove(store._objects.names("leases"))
    assert len(maintenance.gc(again(store)).removed) == 1
    store.finish(replace(run, state="done", charge="charged"), [image])
    assert states(again(store)) == [("done", "charged")]
    assert content(again(store), image.id) == b"data"


RUNS_WITH_EQUAL_IMAGES = """
import random
from dataclasses import replace
rng = random.Random(int(sys.argv[2]))
for number in range(10):
    run = entry()
    store.begin(run, None)
    image = new(store, f"image {number}".encode(), run_id=run.run_id)
    fails = rng.random() < 0.7  # and leaves the image to nobody
    ended = replace(run, state="failed" if fails else "done", charge="charged")
    store.finish(ended, [] if fails else [image])
    time.sleep(0.2 + 0.5 * rng.random())
print("done", flush=True)
"""


@pytest.mark.rigs
def test_deletions_among_processes_that_store_the_same_images_take_none_with_a_record(
    old, store, monkeypatch
):
    delete = store._objects.remove

    def slowly(keys: list[str]) -> None:
        time.sleep(0.3)  # somebody would begin a run
        delete(keys)

    monkeypatch.setattr(store._objects, "remove", slowly)
    runners = [other_process(RUNS_WITH_EQUAL_IMAGES, store.url, seed) for seed in range(3)]
    refused = list[str]()
    while any(runner.poll() is None for runner in runners):
        try:
            maintenance.gc(store)
        except StoreError as error:
            refused.append(str(error))
    assert [runner.communicate(timeout=60)[0] for runner in runners] == ["done\n"] * 3
    report = maintenance.check(again(store))
    assert report.problems == []
    assert len(report.runs) == 30
    assert {run.state for run in report.runs} == {"done", "failed"}
    assert all("runs are under way" in reason for reason in refused)
