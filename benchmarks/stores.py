"""Stores with any number of records, made faster than by running as many steps.

One image is stored as always; its file and what its manifest says of it are then written again under other
hashes and names, and the database is built from the manifests.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pictures import photograph

if TYPE_CHECKING:
    from imagegen_nb.store.base import AssetRecord, LedgerEntry
    from imagegen_nb.store.local import LocalStore

_LARGEST_COPY = 1000
"""Records of a store that each turn gets a copy of; a larger one is used where it lies."""


def store_of(size: int, shared: Path, folder: Path) -> LocalStore:
    """A store of `size` records, kept in `shared`; a small one is copied into `folder`."""
    from imagegen_nb.store.local import LocalStore

    kept = shared / "stores" / str(size)
    ready = kept.with_name(f"{size}.ready")
    if not ready.exists():
        shutil.rmtree(kept, ignore_errors=True)
        _fill(kept, size, photograph(8), runs=size)
        ready.touch()
    if size > _LARGEST_COPY:
        return LocalStore(kept)
    shutil.copytree(kept, folder / "store")
    return LocalStore(folder / "store")


def gallery_of(size: int, pixels: int, shared: Path) -> LocalStore:
    """A store with so many images of one run, kept in `shared`."""
    from imagegen_nb.store.local import LocalStore

    kept = shared / "galleries" / f"{size}-{pixels}"
    ready = kept.with_name(f"{kept.name}.ready")
    if not ready.exists():
        shutil.rmtree(kept, ignore_errors=True)
        _fill(kept, size, photograph(pixels), runs=1)
        ready.touch()
    return LocalStore(kept)


def entry() -> LedgerEntry:
    """A run that is about to begin."""
    from imagegen_nb.core.timestamps import utc_now
    from imagegen_nb.store.base import LedgerEntry

    return LedgerEntry(
        run_id=uuid.uuid4().hex,
        provider="openai",
        model="gpt-image-2",
        count=1,
        estimate=4_000_000,
        emulated=False,
        state="calling",
        charge="unknown",
        started_at=utc_now(),
    )


def staged(store: LocalStore, run_id: str, picture: bytes) -> AssetRecord:
    """A record whose image is on the disk, different from all others, and not yet recorded."""
    from imagegen_nb.core import images

    return store.stage(images.check(numbered(picture, uuid.uuid4().int)), run_id=run_id, emulated=False)


def numbered(picture: bytes, number: int) -> bytes:
    """The same PNG with a number in its metadata."""
    chunk = b"tEXtn\0%040d" % number
    length = (len(chunk) - 4).to_bytes(4, "big")
    return picture[:33] + length + chunk + zlib.crc32(chunk).to_bytes(4, "big") + picture[33:]


def _fill(folder: Path, size: int, picture: bytes, runs: int) -> None:
    """`size` images of one run, or of as many runs."""
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.local import LocalStore

    store, first = LocalStore(folder), entry()
    store.begin(first, None)
    store.finish(replace(first, state="done"), [staged(store, first.run_id, picture)])
    store.close()
    path = store.paths.manifest(first.run_id)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    like = manifest["assets"][0]
    for order in range(2, size + 1):
        asset = like | _blob(store, numbered(picture, order)) | {"id": str(uuid.uuid4())}
        if runs == 1:
            manifest["assets"].append(asset)
            continue
        name = uuid.uuid4().hex
        orders = {"run_order": order, "asset_order": order}
        run = {"run": manifest["run"] | {"run_id": name}, "assets": [asset | {"run_id": name}]}
        store.paths.manifest(name).write_text(json.dumps(manifest | run | orders), encoding="utf-8")
    path.write_text(json.dumps(manifest), encoding="utf-8")
    report = maintenance.rebuild(store)
    store.close()
    assert not report.problems, report.problems[:3]
    assert len(report.records) == size


def _blob(store: LocalStore, data: bytes) -> dict[str, Any]:
    """Write an image's file, and return what is said of it."""
    digest = hashlib.sha256(data).hexdigest()
    path = store.paths.blob(digest, "image/png")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return {
        "file_url": path.relative_to(store.folder).as_posix(),
        "file_size": len(data),
        "sha256": digest,
    }
