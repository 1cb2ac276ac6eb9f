"""Leases: a run lives as long as its process renews one, by the service's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.ledger import entry, new, other_process, states
from support.object_server import first

from imagegen_nb.errors import StorageLimitReached
from imagegen_nb.store import object_leases
from imagegen_nb.store.object_leases import LEASE, RENEWAL, Lease
from imagegen_nb.store.object_store import ObjectStore

BEGIN_AND_SLEEP = (
    "store.begin(entry('a-run', estimate=100), None); print('begun', flush=True); time.sleep(600)"
)


@pytest.fixture
def store(object_server):
    return ObjectStore(object_server.new_url())


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def killed_run(store: ObjectStore) -> str:
    """Leave a run of a process that was killed; returns its lease."""
    process = other_process(BEGIN_AND_SLEEP, store.url)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.communicate(timeout=30)
    (lease,) = store._objects.names("leases")
    return lease


class Told:
    """Objects of which only the times are known."""

    def __init__(self, **ages: float) -> None:
        self.now = datetime(2026, 11, 27, tzinfo=UTC)
        self.times = {f"leases/{name}.json": self.now - timedelta(seconds=age) for name, age in ages.items()}
        self.removed: list[str] = []

    def write(self, key: str, data: bytes) -> None:
        self.times[key] = self.now

    def modified(self, folder: str) -> dict[str, datetime]:
        return dict(self.times)

    def remove(self, keys: list[str]) -> None:
        self.removed += keys


def test_a_lease_expires_by_the_services_clock_and_what_is_not_there_has_expired():
    told = Told(young=LEASE - 1, old=LEASE + 1, ancient=90_000)
    assert Lease(told).gone({"young", "old", "ancient", "nobody"}) == {"old", "ancient", "nobody"}
    assert told.removed == ["leases/ancient.json"]


def test_a_lease_outlives_three_renewals_that_fail():
    assert LEASE > 3 * RENEWAL + 10


@pytest.mark.rigs
def test_a_killed_run_is_interrupted_when_its_lease_has_expired(store, monkeypatch):
    killed_run(store)
    store.begin(entry("another"), None)
    assert states(store)[0] == ("calling", "unknown"), "nobody knows yet"
    monkeypatch.setattr(object_leases, "LEASE", 1.0)
    monkeypatch.setattr(object_leases, "RENEWAL", 0.1)
    until(lambda: states(store)[0] == ("interrupted", "unknown"))
    assert states(store)[1] == ("calling", "unknown"), "its own"


@pytest.mark.rigs
def test_a_reservation_that_stands_in_the_way_is_looked_after_at_once(store):
    lease = killed_run(store)
    with pytest.raises(StorageLimitReached):
        store.begin(entry(estimate=100), 100)
    store._objects.remove([lease])
    store.begin(entry(estimate=100), 100)
    assert [state for state, _ in states(store)] == ["interrupted", "calling"]


def test_a_lease_is_renewed_while_runs_are_under_way_and_not_afterwards(store, object_server, monkeypatch):
    monkeypatch.setattr(object_leases, "RENEWAL", 0.05)
    run = entry()
    object_server.forget()
    with object_server.failing(first(1, 403, "PUT", "/leases/")):
        until(lambda: _began(store, run))
        until(lambda: object_server.kinds().count("PUT leases") > 4)
    store.finish(replace(run, state="failed", charge="none"), [])
    until(lambda: store._lease._thread is None)


def _began(store: ObjectStore, run: object) -> bool:
    try:
        store.begin(run, None)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - the fault, once
        return False
    return True


def test_a_run_whose_end_could_not_be_recorded_is_recovered_by_its_own_process(store, object_server):
    run = entry()
    store.begin(run, None)
    with pytest.raises(Exception, match="cannot keep this"):
        store.finish(replace(run, state="done", charge="charged"), [new(store, b"data", file_name="\ud800")])
    assert states(store) == [("interrupted", "unknown")]


def test_an_end_that_comes_after_all_counts(store):
    """A machine slept, its run was taken for gone, and it wakes with what was paid for."""
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)
    other = ObjectStore(store.url)
    store._objects.remove(store._objects.names("leases"))
    assert states(other) == [("interrupted", "unknown")]
    store.finish(replace(run, state="done", charge="charged", cost_ticks=3), [image])
    assert states(other) == [("done", "charged")]
    assert [one.id for one in other.records(run.run_id)] == [image.id]
