"""One small file per run with all that the database holds of it: enough to rebuild the database.

It is written while the database's transaction is still open. So whatever the database has committed stands
in a manifest too, and a run whose process was killed between the two is finished from its manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from imagegen_nb.core.atomic_files import sync_folder, write_durably
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import AssetRecord, LedgerEntry
from imagegen_nb.store.paths import MANIFEST_SUFFIX, StorePaths, is_name

_LARGEST = 1_000_000
"""Bytes of a manifest: a run's records take some hundred each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the database holds of a run. The orders are the places of the run, and of its first image, among
    all others; `run` is None for images that were put into the store outside of any."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    layout: Literal[1] = 1
    run: LedgerEntry | None
    run_order: int = 0
    assets: tuple[AssetRecord, ...] = ()
    asset_order: int = 0


def write(paths: StorePaths, name: str, manifest: Manifest, *, sync_name: bool = True) -> None:
    """Write it durably, replacing an older one; without `sync_name`, `sync_names` has to follow. Raises
    OSError."""
    document = asdict(manifest)
    for asset in document["assets"]:  # relative: the store may be moved
        asset["file_url"] = _relative_path(paths, asset)
    paths.make(paths.manifests)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    write_durably(paths.manifest(name), text.encode(), sync_name=sync_name)


def sync_names(paths: StorePaths) -> None:
    """Make the names of the manifests written so far durable. Raises OSError."""
    if paths.manifests.is_dir():
        sync_folder(paths.manifests)


def remove(paths: StorePaths, name: str) -> None:
    """Take back a manifest whose transaction failed."""
    with suppress(OSError):
        paths.manifest(name).unlink()


def read(paths: StorePaths, name: str) -> Manifest | None:
    """The manifest of that name, or None. Raises `StoreError` for one that is damaged."""
    path = paths.manifest(name)
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            raise StoreError(f"the manifest {path.name} is not one that was written here")
        manifest = _adapter().validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        pass
    else:
        assets = tuple(replace(asset, file_url=_file_url(paths, asset)) for asset in manifest.assets)
        return replace(manifest, assets=assets)
    raise StoreError(f"the manifest {path.name} is damaged")


def names(paths: StorePaths) -> Iterator[str]:
    """The names of all manifests, in alphabetical order."""
    with suppress(FileNotFoundError):
        files = (path for path in paths.manifests.iterdir() if path.suffix == MANIFEST_SUFFIX)
        yield from sorted(path.stem for path in files if is_name(path.stem))


def read_all(paths: StorePaths) -> tuple[dict[str, Manifest], list[str]]:
    """All that can be read, by name and in the order of their images, and what is wrong with the others."""
    manifests, problems = dict[str, Manifest](), list[str]()
    for name in names(paths):
        try:
            manifest = read(paths, name)
        except StoreError as error:
            problems.append(str(error))
        else:
            if manifest is not None:
                manifests[name] = manifest
    return dict(sorted(manifests.items(), key=lambda item: item[1].asset_order)), problems


def _file_url(paths: StorePaths, asset: AssetRecord) -> str:
    return paths.blob(asset.sha256, asset.file_type).as_uri()


def _relative_path(paths: StorePaths, asset: dict[str, Any]) -> str:
    return paths.blob(asset["sha256"], asset["file_type"]).relative_to(paths.folder).as_posix()


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)
