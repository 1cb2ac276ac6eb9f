"""Stores of a notebook that is tested or recorded: empty ones of its own, below a folder that is deleted
afterwards. Files that it exports meanwhile name images there: what they held before is kept, to be put back.

The folder stands for the root of the file system: `/home/me/assets` becomes `<root>/home/me/assets`. So two
addresses of one store stay one, and to take `<root>` out of a text gives the paths that were asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from imagegen_nb.core.atomic_files import write_durably
from imagegen_nb.errors import InvalidOption
from imagegen_nb.store.paths import StorePaths

VARIABLE = "IMAGEGEN_NB_STORE_ROOT"
"""Names that folder, for a kernel and all it starts; unset, stores lie where their addresses say."""

_EXPORTS = "exported"
"""The folder below it with a note for each file that was exported."""


def temporary_root() -> TemporaryDirectory[str]:
    """A new root, deleted when it is left, or at the latest with the process."""
    parent = Path(gettempdir()).resolve()  # as a program sees it that resolves a path
    return TemporaryDirectory(prefix="imagegen-nb-stores-", dir=parent, ignore_cleanup_errors=True)


def relocated(folder: Path) -> Path:
    """Where the store of `folder` lies: there, or below the root."""
    root = _root()
    place = Path(os.path.normpath(folder.absolute()))
    if root is None or place.is_relative_to(root):
        return folder
    return below(root, place)


def below(root: Path, folder: Path) -> Path:
    """The place of an absolute folder below `root`."""
    return root.joinpath(folder.drive.replace(":", ""), *folder.parts[1:])


def check_url(url: str) -> None:
    """Raise `InvalidOption` for a URL, where stores are relocated: others may share what lies there."""
    if _root() is not None and not url.lower().startswith("memory:"):
        raise InvalidOption(
            f"store = {url!r}: a notebook that is tested or recorded has an empty store of its own, which "
            "takes the place of a folder, and of no URL. Let the notebook choose: "
            'ig.Workspace(os.environ.get("STORE", "assets"))'
        )


def restored(value: Any, root: Path, folder: Path) -> Any:
    """Plain data with the paths that were asked for: without `root`, and without the way there from
    `folder`, from where relative paths may be told."""
    if isinstance(value, str):
        from_folder = os.path.relpath(below(root, folder), folder) + os.sep
        return value.replace(from_folder, "").replace(str(root), "")
    if isinstance(value, Mapping):
        return {key: restored(each, root, folder) for key, each in value.items()}
    return [restored(each, root, folder) for each in value] if isinstance(value, list) else value


def before_export(file: Path) -> None:
    """Keep what an exported file holds before it is written for the first time, where stores are relocated.
    Raises `OSError`."""
    if (root := _root()) is None:
        return
    place = Path(os.path.normpath(file.absolute()))
    note = below(root / _EXPORTS, place.with_name(f"{place.name}.json"))
    if note.exists():
        return
    before = place.read_bytes().hex() if place.is_file() else None
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"file": str(place), "before": before}), encoding="utf-8")


def put_back_exports(root: Path) -> None:
    """Give every exported file what it held before, and delete those that were not there. What cannot be
    written stays as it is."""
    for file, before in _exports(root):
        with suppress(OSError):
            if before is None:
                file.unlink(missing_ok=True)
            else:
                write_durably(file, before)


def name_stores_in_exports(root: Path) -> None:
    """Let every exported file name the stores that were asked for, and not those below `root`."""
    for file, _ in _exports(root):
        with suppress(OSError):
            write_durably(file, file.read_bytes().replace(str(root).encode(), b""))


def _exports(root: Path) -> Iterator[tuple[Path, bytes | None]]:
    """The files that were exported, with what each held before, None where it was not there."""
    for note in sorted((root / _EXPORTS).rglob("*.json")):
        told = json.loads(note.read_text(encoding="utf-8"))
        yield Path(told["file"]), None if told["before"] is None else bytes.fromhex(told["before"])


def stores_below(root: Path) -> list[tuple[Path, Path]]:
    """The stores that were made below `root`: the folder each was asked for at, and where it lies."""
    found = sorted(each.parent for each in root.rglob(StorePaths(root).database.name))
    return [(Path(restored(str(folder), root, root)), folder) for folder in found]


def _root() -> Path | None:
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
