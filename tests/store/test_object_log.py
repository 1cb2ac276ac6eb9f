"""The log of an object store: one order for all, whole after any fault, and read in few requests."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from support.ledger import entry, everything, fill, judgement, new, other_process, put, states
from support.object_server import first

from imagegen_nb.errors import StorageLimitReached, StoreError
from imagegen_nb.store import object_client
from imagegen_nb.store.object_log import SEGMENT
from imagegen_nb.store.object_store import ObjectStore


@pytest.fixture
def store(object_server, monkeypatch):
    """A store in a bucket of its own; whoever tries again waits for milliseconds."""
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
    monkeypatch.setitem(object_client._RETRIES, "backoff", backoff)
    store = ObjectStore(object_server.new_url())
    object_server.forget()
    return store


def again(store: ObjectStore) -> ObjectStore:
    return ObjectStore(store.url)


def written(store: ObjectStore) -> int:
    """How many entries the log has."""
    return len(store._objects.names("log"))


# Faults


@pytest.mark.parametrize("times", [1, 7], ids=["and the next attempt is told that it is there", "for good"])
def test_an_entry_whose_answer_was_lost_is_known_as_ones_own(store, object_server, times):
    put(store, b"data")
    run = entry()
    with object_server.failing(first(times, -500)):
        store.begin(run, None)
    assert [one.run_id for one in store.runs()] == [run.run_id]
    assert (written(store), states(again(store))) == (2, [("calling", "unknown")])


def test_a_run_that_cannot_be_entered_is_not_begun(store, object_server):
    with object_server.failing(first(100, 503)), pytest.raises(StoreError, match="too busy"):
        store.begin(entry(), None)
    assert written(store) == 0
    store.begin(entry(), None)
    assert states(store) == [("calling", "unknown")]


def test_a_late_process_decides_again_on_what_came_first(store, object_server):
    late = again(store)
    late.begin(entry("before", estimate=0), None)
    store.begin(entry(estimate=100), 150)
    object_server.forget()
    late.begin(entry(estimate=100), 150)
    assert object_server.kinds().count("PUT log") == 2, "refused once, for it had not read the other's"
    with pytest.raises(StorageLimitReached, match="200 more are reserved"):
        store.begin(entry(), 150)
    assert written(store) == 3


def test_a_service_that_ignores_conditions_is_refused_before_anything_rests_on_it(store, object_server):
    """As s3rver does: every process would be told that it alone has entered its run."""
    object_server.ignores_conditions = True
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match=r"ignores If-None-Match.*Use a service with conditional"):
                again(store).begin(entry(), None)
    finally:
        object_server.ignores_conditions = False
    assert (written(store), store._objects.names("probes")) == (0, [])
    store.begin(entry(), None)
    object_server.forget()
    again(store).begin(entry(), None)
    assert "PUT probes" not in object_server.kinds(), "known of a store that has been written to"


@pytest.mark.parametrize("harm", [b"", b"{", b'{"layout":2}', b"[]"])
def test_a_damaged_entry_is_told_by_its_name(store, harm):
    put(store, b"data")
    store._objects.write("log/000000000001.json", harm)
    with pytest.raises(StoreError, match=r"log/000000000001\.json .* is damaged, or of a later version"):
        list(again(store).records())


def test_a_lost_entry_is_told_and_nothing_written_in_its_place(store):
    for number in range(3):
        put(store, bytes([number]))
    store._objects.remove(["log/000000000002.json"])
    for _ in range(2):
        with pytest.raises(StoreError, match=r"log/000000000002\.json is missing"):
            put(again(store), b"more")
    assert written(store) == 2


@pytest.mark.parametrize("harm", [{"prompt": "\ud800"}, {"prompt": "x" * 4_000_001}, {"count": "two"}])
def test_what_nobody_could_read_again_is_not_written(store, harm):
    with pytest.raises(StoreError):
        store.begin(entry(**harm), None)
    assert written(store) == 0


# Segments


def test_a_long_log_is_read_in_segments(store, object_server):
    for number in range(2 * SEGMENT + 3):
        store.keep_judgement(judgement(number))
    assert store._objects.names("segments") == ["segments/000000000001.jsonl", "segments/000000000002.jsonl"]
    object_server.forget()
    opened = again(store)
    assert len(opened.judgements("night")) == 2 * SEGMENT + 3
    kinds = object_server.kinds()
    assert (kinds.count("GET segments"), kinds.count("GET log")) == (2, 3)
    assert kinds.count("LIST segments") + kinds.count("LIST log") == 2
    put(opened, b"data")
    assert [one.file_size for one in store.records()] == [4]


def test_a_segment_that_a_killed_process_did_not_write_is_written_by_a_reader(store):
    for number in range(SEGMENT + 3):
        store.keep_judgement(judgement(number))
    whole = store._objects.read("segments/000000000001.jsonl", 1 << 20)
    store._objects.remove(["segments/000000000001.jsonl"])
    assert len(again(store).judgements("night")) == SEGMENT + 3
    assert store._objects.read("segments/000000000001.jsonl", 1 << 20) == whole


def test_a_failure_while_a_store_is_read_first_is_made_up_for_later(store, object_server):
    fill(store)
    opened = again(store)
    with object_server.failing(first(7, 503, "GET", "000000000003")), pytest.raises(StoreError):
        _ = opened.used
    assert everything(opened) == everything(store)


# Processes

RACE = """
from imagegen_nb.errors import BudgetExceeded, CellTaken
from imagegen_nb.store.base import Budget
print("ready", flush=True)
input()
for number in range(6):
    of_cell = entry(cell=f"night/{number}", ceiling_ticks=0)
    for run, budget in ((entry(ceiling_ticks=10), Budget(total=95)), (of_cell, None)):
        try:
            store.begin(run, None, budget)
        except (BudgetExceeded, CellTaken):
            continue
        print("cell" if run.cell else "paid", run.run_id, run.cell, flush=True)
"""


@pytest.mark.rigs
def test_processes_pass_no_budget_and_share_no_cell(store):
    """In a race: nothing but conditional writes holds them together."""
    racers: list[subprocess.Popen[str]] = [other_process(RACE, store.url) for _ in range(5)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    lines = [line.split() for racer in racers for line in racer.communicate(timeout=120)[0].splitlines()]
    paid = [words[1] for words in lines if words[0] == "paid"]
    cells = [words[2] for words in lines if words[0] == "cell"]
    assert len(paid) == 9, "90 of 95: one more would have passed it"
    assert sorted(cells) == [f"night/{number}" for number in range(6)]
    runs = list(store.runs())
    assert sorted(run.run_id for run in runs) == sorted(words[1] for words in lines)
    assert store.spending(emulated=True).reserved + store.spending(emulated=True).spent == 90


def test_an_end_is_recorded_once_however_often_it_is_tried(store, object_server):
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    with object_server.failing(first(2, -503)):
        store.finish(replace(run, state="done", charge="charged"), [image])
    assert states(again(store)) == [("done", "charged")]
    assert [one.id for one in again(store).records()] == [image.id]
