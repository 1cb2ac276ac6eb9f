"""Recovery: runs whose process is gone are marked, before the next run of any process starts."""

from __future__ import annotations

from dataclasses import replace

from imagegen_nb.core.atomic_files import explain_writing
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import StoreError
from imagegen_nb.store import locks, manifests
from imagegen_nb.store.base import store_error
from imagegen_nb.store.database import Database
from imagegen_nb.store.manifests import Manifest


def recover(database: Database) -> None:
    """Mark every run whose process is gone as interrupted, which frees its reservation.

    A run that had ended, but whose end never reached the database, is finished from its manifest. Raises
    `StoreError`. Who may only read marks nothing.
    """
    paths = database.paths
    if not paths.may_be_written:
        return
    with database.read() as tables:
        unfinished = tables.runs_under_way()
    try:
        for owner, run_ids in sorted(locks.owners(paths, unfinished).items()):
            with locks.try_acquire_abandoned(paths, owner, run_ids) as is_abandoned:
                for run_id in sorted(run_ids) if is_abandoned else ():
                    locks.free_room(paths, run_id, owner)
                    _recover_run(database, run_id)
        return
    except OSError as error:
        reason = explain_writing(error, paths.folder)
    raise store_error(f"cannot check for interrupted runs in {paths.folder}", reason)


def _recover_run(database: Database, run_id: str) -> None:
    try:
        manifest = manifests.read(database.paths, run_id)
    except StoreError:
        manifest = None  # damaged: the database still has the run's start
    with database.transaction() as tables:
        entry = next(iter(tables.runs("WHERE run_id = ?", (run_id,))), None)
        run = manifest.run if manifest is not None and manifest.run is not None else entry
        if run is None or (entry is not None and entry.state != "calling"):
            return  # it never began, or it ended properly
        if run.state == "calling":
            run = replace(run, state="interrupted", ended_at=utc_now())
        assets = manifest.assets if manifest is not None else ()
        run_order = tables.put_run(run)
        asset_order = tables.add_assets(assets)
        recovered = Manifest(run=run, run_order=run_order, assets=assets, asset_order=asset_order)
        manifests.write(database.paths, run_id, recovered)
