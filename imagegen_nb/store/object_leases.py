"""Which processes are alive, in a store that many machines share: each renews an object while it has runs.

The age of such an object is told by the service's own clock, by which this process's has just been written:
no machine's clock decides. What is not there has expired.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
import weakref
from contextlib import suppress
from datetime import timedelta

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.errors import StoreError
from imagegen_nb.store.object_client import Objects

LEASE = 60.0
"""Seconds without a renewal after which a process counts as gone."""
RENEWAL = 15.0
"""Seconds between renewals: three may fail."""
LEASES = "leases"
_LEFT_BEHIND = timedelta(days=1)
"""Age of leases of processes long gone, which are removed."""


class Lease:
    """The lease of one store object in this process, and a look at those of others."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lock = ForkSafeLock()
        self._renewing = ForkSafeLock()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._owner = uuid.uuid4().hex
        self._runs = set[str]()
        self._renewed_at: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def owner(self) -> str:
        """The name of this lease; a forked process has another one."""
        if self._process != os.getpid():
            self._begin_anew()
        return self._owner

    def take(self, run_id: str) -> None:
        """Keep a run alive from now on. Raises `StoreError`."""
        self.renew()
        with self._lock:
            self._runs.add(run_id)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_renew_while_needed,
                    args=(weakref.ref(self),),
                    name="imagegen-nb-lease",
                    daemon=True,
                )
                self._thread.start()

    def drop(self, run_id: str) -> None:
        """Let go of a run."""
        self._runs.discard(run_id)

    def keeps(self, run_id: str) -> bool:
        """Whether a run is under way here."""
        return run_id in self._runs

    def renew(self) -> None:
        """Renew the lease where that is due. Raises `StoreError`."""
        with self._renewing:  # one does for all runs that begin at once
            owner = self.owner
            if self._renewed_at is None or time.monotonic() - self._renewed_at >= RENEWAL:
                begun = time.monotonic()
                self._objects.write(f"{LEASES}/{owner}.json", b"{}")
                self._renewed_at = begun

    @property
    def is_sure(self) -> bool:
        """Whether nobody can take this process for gone for a while yet."""
        renewed_at = self._renewed_at
        return renewed_at is not None and time.monotonic() - renewed_at < LEASE / 2

    def gone(self, owners: set[str]) -> set[str]:
        """Those of `owners` whose lease has expired. Raises `StoreError`."""
        self.renew()
        renewed = self._objects.modified(LEASES)
        now = renewed.get(f"{LEASES}/{self.owner}.json")
        if now is None:
            return set()
        ages = {name: now - moment for name, moment in renewed.items()}
        with suppress(StoreError):
            self._objects.remove([name for name, age in ages.items() if age > _LEFT_BEHIND])
        longest = timedelta(seconds=LEASE)
        return {owner for owner in owners if ages.get(f"{LEASES}/{owner}.json", _LEFT_BEHIND) > longest}

    def is_needed(self) -> bool:
        """Whether runs are under way; where none is, the thread that asks ends."""
        with self._lock:
            if not self._runs:
                self._thread = None
            return bool(self._runs)


def _renew_while_needed(reference: weakref.ref[Lease]) -> None:
    """Renew a lease as long as its store is there and has runs under way."""
    while (lease := reference()) is not None and lease.is_needed():
        with suppress(StoreError):  # the next time, or the service is gone for all
            lease.renew()
        del lease
        time.sleep(RENEWAL / 3)
