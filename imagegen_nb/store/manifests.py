"""Beside the index, one small file a run with all that the index holds of it: enough to build it again.

It is written while the index's transaction is still open. So whatever the index tells, a sidecar tells too,
and a run whose process was killed between the two is finished from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from imagegen_nb.core.atomic_files import write_durably
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import LedgerEntry, StoredAsset
from imagegen_nb.store.paths import Places, inside, is_name, named_after

_SUFFIX = ".json"
_LARGEST = 1_000_000
"""Bytes of a sidecar: a run's records take some hundred each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What the index holds of a run. The orders are the places of the run, and of its first image, among
    all others; `run` is None for images that were put into the store outside of any."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    layout: Literal[1] = 1
    run: LedgerEntry | None
    run_order: int = 0
    assets: tuple[StoredAsset, ...] = ()
    asset_order: int = 0


def write(places: Places, name: str, sidecar: Sidecar) -> None:
    """Write it durably in the place of what was there. Raises OSError."""
    values = asdict(sidecar)
    for asset in values["assets"]:  # the whole address says where this machine keeps the store
        asset["file_url"] = _relative(places, asset)
    inside(places.folder, places.runs)
    write_durably(_path(places, name), json.dumps(values, ensure_ascii=False, indent=1).encode())


def remove(places: Places, name: str) -> None:
    """Take back a sidecar whose transaction failed."""
    with suppress(OSError):
        _path(places, name).unlink()


def read(places: Places, name: str) -> Sidecar | None:
    """The sidecar of that name, or None. Raises `StoreError` for one that is damaged."""
    path = _path(places, name)
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            raise StoreError(f"the sidecar {path.name} is not one that was written here")
        found = _adapter().validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        pass
    else:
        here = tuple(replace(asset, file_url=_address(places, asset)) for asset in found.assets)
        return replace(found, assets=here)
    raise StoreError(f"the sidecar {path.name} is damaged")


def names(places: Places) -> Iterator[str]:
    """The names of all sidecars, in alphabetical order."""
    with suppress(FileNotFoundError):
        found = (path for path in places.runs.iterdir() if path.suffix == _SUFFIX and is_name(path.stem))
        yield from sorted(path.stem for path in found)


def every(places: Places) -> tuple[dict[str, Sidecar], list[str]]:
    """All that can be read, by name, in the order in which their images came, and what is wrong with the
    others."""
    found, problems = dict[str, Sidecar](), list[str]()
    for name in names(places):
        try:
            sidecar = read(places, name)
        except StoreError as error:
            problems.append(str(error))
        else:
            if sidecar is not None:
                found[name] = sidecar
    return dict(sorted(found.items(), key=lambda item: item[1].asset_order)), problems


def _path(places: Places, name: str) -> Path:
    return places.runs / f"{named_after(name)}{_SUFFIX}"


def _address(places: Places, asset: StoredAsset) -> str:
    return places.blob(asset.sha256, asset.file_type).as_uri()


def _relative(places: Places, asset: dict[str, Any]) -> str:
    return places.blob(asset["sha256"], asset["file_type"]).relative_to(places.folder).as_posix()


@cache
def _adapter() -> TypeAdapter[Sidecar]:
    return TypeAdapter(Sidecar)
