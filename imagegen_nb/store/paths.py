"""Where things lie in a store's folder, and that nothing leads a write out of it.

<folder>/index.sqlite3              the records, the ledger and a running total of sizes
<folder>/blobs/ab/<sha256>.webp     the bytes, written once under their hash
<folder>/runs/<run id>.json         what the index holds of one run, to build it again from
<folder>/locks/<run id>.lock        held while the run is under way
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb.core.atomic_files import sync_folder
from imagegen_nb.core.images import EXTENSIONS
from imagegen_nb.errors import StoreError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one store."""

    folder: Path

    @property
    def index(self) -> Path:
        """The SQLite database."""
        return self.folder / "index.sqlite3"

    @property
    def blobs(self) -> Path:
        """The folder of the bytes."""
        return self.folder / "blobs"

    @property
    def runs(self) -> Path:
        """The folder of the sidecars."""
        return self.folder / "runs"

    @property
    def locks(self) -> Path:
        """The folder of the locks."""
        return self.folder / "locks"

    def blob(self, sha256: str, media_type: str) -> Path:
        """Where the bytes of that hash are. Raises `StoreError` for what is no hash or no image's type."""
        if _DIGEST.fullmatch(sha256) and media_type in EXTENSIONS:
            return self.blobs / sha256[:2] / f"{sha256}.{EXTENSIONS[media_type]}"
        raise StoreError(f"the store has no place for a {media_type!r} with the hash {sha256[:80]!r}")


def is_name(text: str) -> bool:
    """Whether `text` can be part of a file's name."""
    return _NAME.fullmatch(text) is not None


def named_after(run_id: str) -> str:
    """`run_id`, which is about to be part of a file's name. Raises `StoreError` when it cannot be."""
    if is_name(run_id):
        return run_id
    raise StoreError(f"run id {run_id[:80]!r}: use at most 80 letters, digits, hyphens and underscores")


def inside(root: Path, folder: Path) -> None:
    """Make `folder` and what lies between it and `root`; a planted link must not lead a write outside.

    Raises OSError.
    """
    between = [folder, *folder.parents]
    for each in reversed(between[: between.index(root) + 1]):
        if not each.is_dir():
            each.mkdir(mode=0o700, parents=each == root, exist_ok=True)
            sync_folder(each.parent)
        if each != root and each.is_symlink():
            raise OSError(errno.ELOOP, f"{each} is a link; the store writes only inside itself")
