"""Small files beside the database with what people said: enough to rebuild the database's tables of it.

Like a run's manifest, such a file is written while the database's transaction is still open: whatever the
database has committed stands in a file too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from imagegen_nb.core.atomic_files import read_bounded, sync_folder, write_durably
from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.errors import InvalidOption
from imagegen_nb.store.paths import MANIFEST_SUFFIX, StorePaths, is_name

Opinion = TypeVar("Opinion", Mark, Judgement, Score, PickedCell)

_LAYOUT = 1
_LARGEST = 65_536
"""Bytes of such a file; what a judge said, at its longest, takes most."""


class SideFiles(Generic[Opinion]):
    """The files of one kind in a folder of the store, each named by what it is about."""

    def __init__(self, paths: StorePaths, folder: Path, kind: type[Opinion]) -> None:
        self._paths = paths
        self._folder = folder
        self._kind: Any = kind

    def write(self, name: str, opinion: Opinion) -> None:
        """Write it durably, replacing an older one. Raises OSError, or `StoreError` for what is no name."""
        self._paths.make(self._folder)
        text = json.dumps({"layout": _LAYOUT, **asdict(opinion)}, ensure_ascii=False, indent=1)
        write_durably(self._path(name), text.encode())

    def remove(self, name: str) -> None:
        """Remove it, durably; one that is not there may stay away. Raises OSError."""
        with suppress(FileNotFoundError):
            self._path(name).unlink()
            sync_folder(self._folder)

    def read_all(self) -> tuple[dict[str, Opinion], list[str]]:
        """All that can be read, by name, and what is wrong with the others."""
        found, problems = dict[str, Opinion](), list[str]()
        for name in self._names():
            try:
                found[name] = self._read(name)
            except FileNotFoundError:
                continue  # removed meanwhile
            except PermissionError:
                file = f"{self._folder.name}/{name}{MANIFEST_SUFFIX}"
                problems.append(f"the file {file} may not be read by this user")
            except (OSError, ValueError, InvalidOption):
                problems.append(f"the file {self._folder.name}/{name}{MANIFEST_SUFFIX} is damaged")
        return found, problems

    def _read(self, name: str) -> Opinion:
        document = json.loads(read_bounded(self._path(name), _LARGEST) or b"")
        if not isinstance(document, dict) or document.pop("layout", None) != _LAYOUT:
            raise ValueError("another layout")
        # As JSON, for only out of JSON a strict dataclass is made of an object.
        opinion: Opinion = _adapter(self._kind).validate_json(json.dumps(document), strict=True)
        return opinion

    def _names(self) -> Iterator[str]:
        with suppress(FileNotFoundError):
            stems = (path.stem for path in self._folder.iterdir() if path.suffix == MANIFEST_SUFFIX)
            yield from sorted(stem for stem in stems if is_name(stem))

    def _path(self, name: str) -> Path:
        return self._paths.side_file(self._folder, name)


def marks(paths: StorePaths) -> SideFiles[Mark]:
    """The files with stars and notes, by the images' ids."""
    return SideFiles(paths, paths.marks, Mark)


def judgements(paths: StorePaths) -> SideFiles[Judgement]:
    """The files with comparisons, by their ids."""
    return SideFiles(paths, paths.judgements, Judgement)


def scores(paths: StorePaths) -> SideFiles[Score]:
    """The files with judges' scores, by their ids."""
    return SideFiles(paths, paths.scores, Score)


def picks(paths: StorePaths) -> SideFiles[PickedCell]:
    """The files with picks, by their ids."""
    return SideFiles(paths, paths.picks, PickedCell)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made where a file is read, and once: it takes longer than everything else a look into a store does."""
    return TypeAdapter(kind)
