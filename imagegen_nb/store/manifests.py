"""One small file per run with all that the database holds of it: enough to rebuild the database.

It is written while the database's transaction is still open. So whatever the database has committed stands
in a manifest too, and a run whose process was killed between the two is finished from its manifest.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from imagegen_nb.core.atomic_files import sync_folder, write_durably
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import AssetRecord, LedgerEntry
from imagegen_nb.store.paths import MANIFEST_SUFFIX, StorePaths, is_name

_State = tuple[int, int, int, int]
"""Of a file: what changes with its content, since each is written under a new name and moved into place."""
_LARGEST = 4_000_000
"""Bytes of a manifest: a run's records take some hundred each, its prompt and inputs at most a megabyte."""
_ADDED_LATER = ("prompt", "settings_json", "inputs_json", "call", "cell", "result_json")
"""What is left out of a manifest where it is empty, so that a run of an earlier version stays as it was."""

_OPTIONAL = ("session", "ceiling_ticks", "cost_ticks")
"""What is left out of a manifest where it is unknown; an amount of 0 is not."""


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
    if run := document["run"]:
        document["run"] = {k: value for k, value in run.items() if value or k not in _ADDED_LATER}
    for asset in document["assets"]:  # relative: the store may be moved
        asset["file_url"] = _relative_path(paths, asset)
    if run := document["run"]:
        document["run"] = {k: v for k, v in run.items() if k not in _OPTIONAL or v not in (None, "")}
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


class Cache:
    """Manifests as they were last read, for one that reads all of them several times; a file that was
    replaced meanwhile is read again."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[_State, Manifest]] = {}

    def get(self, name: str, state: _State) -> Manifest | None:
        """The manifest that was read when its file was in this state."""
        known = self._read.get(name)
        return known[1] if known is not None and known[0] == state else None

    def keep(self, name: str, state: _State, manifest: Manifest) -> None:
        """Remember what was read."""
        self._read[name] = (state, manifest)


def read(paths: StorePaths, name: str, cache: Cache | None = None) -> Manifest | None:
    """The manifest of that name, or None. Raises `StoreError` for one that is damaged."""
    path = paths.manifest_text(name)
    try:
        file = os.lstat(path)
        if not stat.S_ISREG(file.st_mode) or file.st_size > _LARGEST:
            raise StoreError(f"the manifest {name}{MANIFEST_SUFFIX} is not one that was written here")
        state = file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns
        if cache is not None and (known := cache.get(name, state)) is not None:
            return known
        manifest = _adapter().validate_json(_bytes_of(path), strict=True)
    except FileNotFoundError:
        return None
    except PermissionError:
        problem = "may not be read by this user"
    except (OSError, ValidationError):
        problem = "is damaged"
    else:
        for asset in manifest.assets:  # nobody has them yet; copies took longer than to check the whole text
            object.__setattr__(asset, "file_url", paths.blob_url(asset.sha256, asset.file_type))
        if cache is not None:
            cache.keep(name, state, manifest)
        return manifest
    raise StoreError(f"the manifest {name}{MANIFEST_SUFFIX} {problem}")


def _bytes_of(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - of a hundred thousand, a path object each costs
        return file.read()


def names(paths: StorePaths) -> Iterator[str]:
    """The names of all manifests, in alphabetical order."""
    with suppress(FileNotFoundError):
        listed = os.listdir(paths.manifests)  # noqa: PTH208 - no path object for each
        files = [file for file in listed if file.endswith(MANIFEST_SUFFIX)]
        stems = [file.removesuffix(MANIFEST_SUFFIX) for file in files]
        yield from sorted(stem for stem in stems if is_name(stem))


def read_all(paths: StorePaths, cache: Cache | None = None) -> tuple[dict[str, Manifest], list[str]]:
    """All that can be read, by name and in the order of their images, and what is wrong with the others."""
    manifests, problems = dict[str, Manifest](), list[str]()
    for name in names(paths):
        try:
            manifest = read(paths, name, cache)
        except StoreError as error:
            problems.append(str(error))
        else:
            if manifest is not None:
                manifests[name] = manifest
    return dict(sorted(manifests.items(), key=lambda item: item[1].asset_order)), problems


def _relative_path(paths: StorePaths, asset: dict[str, Any]) -> str:
    return paths.blob_name(asset["sha256"], asset["file_type"])


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)
