"""Runs whose process is gone are put in order: what the next start of a run, in any process, does first."""

from __future__ import annotations

from dataclasses import replace

from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks, manifests, rows
from imagegen_nb.store.database import Index
from imagegen_nb.store.manifests import Sidecar


def settle(index: Index) -> None:
    """Mark every run interrupted that nobody carries out any more: its reservation is free again.

    One that had ended, and only could not say so in the index, is finished as its sidecar tells. Raises
    `StoreError`.
    """
    places = index.places
    with index.reading() as open_index:
        unfinished = {run.run_id for run in rows.runs(open_index, "WHERE state = 'calling'")}
    try:
        for run_id in sorted(unfinished.union(locks.names(places))):
            with locks.left_behind(places, run_id) as alone:
                if alone:
                    _settle(index, run_id)
        return
    except OSError as error:
        reason = explain(error)
    raise StoreError(f"cannot look after the runs in {places.folder}: {reason}")


def _settle(index: Index, run_id: str) -> None:
    places = index.places
    try:
        told = manifests.read(places, run_id)
    except StoreError:
        told = None  # damaged: the index still tells that the run began
    with index.writing() as open_index:
        entered = rows.runs(open_index, "WHERE run_id = ?", (run_id,))
        run = told.run if told is not None and told.run is not None else next(iter(entered), None)
        if run is None or (entered and entered[0].state != "calling"):
            return  # it never began, or it ended properly
        ended = run
        if run.state == "calling":
            ended = replace(run, state="interrupted", ended_at=utc_now())
        assets = told.assets if told is not None else ()
        order = rows.put_run(open_index, ended)
        first = rows.add_assets(open_index, assets)
        manifests.write(places, run_id, Sidecar(run=ended, run_order=order, assets=assets, asset_order=first))
