"""Stores with any number of records, made faster than by running as many steps.

One run is stored as always; its manifest and its image are then written again under other names and hashes,
and the database is built from them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import zlib
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
        _fill(kept, size)
        ready.touch()
    if size > _LARGEST_COPY:
        return LocalStore(kept)
    shutil.copytree(kept, folder / "store")
    return LocalStore(folder / "store")


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


def _fill(folder: Path, size: int) -> None:
    from dataclasses import replace

    from imagegen_nb.store import maintenance
    from imagegen_nb.store.local import LocalStore

    picture = photograph(8)
    store, first = LocalStore(folder), entry()
    store.begin(first, None)
    store.finish(replace(first, state="done"), [staged(store, first.run_id, picture)])
    store.close()
    manifest = json.loads(store.paths.manifest(first.run_id).read_text(encoding="utf-8"))
    for number in range(1, size):
        _write_again(store, manifest, numbered(picture, number), number + 1)
    report = maintenance.rebuild(store)
    store.close()
    assert not report.problems, report.problems[:3]
    assert len(report.records) == size


def _write_again(store: LocalStore, manifest: dict[str, Any], data: bytes, order: int) -> None:
    name, digest = uuid.uuid4().hex, hashlib.sha256(data).hexdigest()
    blob = store.paths.blob(digest, "image/png")
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(data)
    asset = manifest["assets"][0] | {
        "id": str(uuid.uuid4()),
        "file_url": blob.relative_to(store.folder).as_posix(),
        "file_size": len(data),
        "sha256": digest,
        "run_id": name,
    }
    run = manifest["run"] | {"run_id": name}
    document = manifest | {"run": run, "run_order": order, "assets": [asset], "asset_order": order}
    store.paths.manifest(name).write_text(json.dumps(document), encoding="utf-8")
