"""Where things lie in a store's folder, and that no link leads a write out of it.

<folder>/index.sqlite3              the database: records, ledger and a running total of sizes
<folder>/blobs/ab/<sha256>.webp     the bytes, written once under their hash
<folder>/thumbnails/ab/<sha256>.<size>.webp  small pictures of the blobs: a cache, which may be deleted
<folder>/runs/<run id>.json         the manifest: what the database holds of one run, to rebuild it from
<folder>/marks/<asset id>.json      the star and the note of an image, which the database holds as well
<folder>/judgements/<id>.json       a comparison of two images, likewise
<folder>/scores/<id>.json           what a judge found in an image, likewise
<folder>/picks/<id>.json            a cell of a sweep that was picked, likewise
<folder>/locks/<owner>.lock         held by a process while it has runs under way
<folder>/locks/<run id>.<owner>.run names such a run
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imagegen_nb.core.atomic_files import sync_folder
from imagegen_nb.core.images import EXTENSIONS
from imagegen_nb.core.own_files import STORE_FILE
from imagegen_nb.errors import StoreError

MANIFEST_SUFFIX = ".json"
LOCK_SUFFIX = ".lock"
MARKER_SUFFIX = ".run"

_BLOBS, _MANIFESTS, _THUMBNAILS = "blobs", "runs", "thumbnails"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StorePaths:
    """The paths of one store; those of its own folders are made once, for each run asks for them often."""

    folder: Path

    @cached_property
    def database(self) -> Path:
        """The SQLite database."""
        return self.folder / STORE_FILE

    @cached_property
    def blobs(self) -> Path:
        """The folder of the bytes."""
        return self.folder / _BLOBS

    @cached_property
    def thumbnails(self) -> Path:
        """The folder of the small pictures."""
        return self.folder / _THUMBNAILS

    @cached_property
    def manifests(self) -> Path:
        """The folder of the manifests."""
        return self.folder / _MANIFESTS

    @cached_property
    def marks(self) -> Path:
        """The folder of the stars and notes."""
        return self.folder / "marks"

    @cached_property
    def judgements(self) -> Path:
        """The folder of the comparisons."""
        return self.folder / "judgements"

    @cached_property
    def scores(self) -> Path:
        """The folder of the judges' scores."""
        return self.folder / "scores"

    @cached_property
    def picks(self) -> Path:
        """The folder of the picks."""
        return self.folder / "picks"

    @property
    def opinions(self) -> tuple[Path, ...]:
        """The folders of what is thought of images."""
        return self.marks, self.judgements, self.scores, self.picks

    @cached_property
    def locks(self) -> Path:
        """The folder of the locks."""
        return self.folder / "locks"

    def blob(self, sha256: str, media_type: str) -> Path:
        """The file of the bytes with that hash. Raises `StoreError` for anything but a hash and an image's
        type."""
        return self.folder / self.blob_name(sha256, media_type)

    def blob_name(self, sha256: str, media_type: str) -> str:
        """The same file's path in the store, with slashes. Raises `StoreError` as above."""
        return blob_name(sha256, media_type)

    def blob_url(self, sha256: str, media_type: str) -> str:
        """The same file's address. Raises `StoreError` as above."""
        return f"{self._url}/{self.blob_name(sha256, media_type)}"

    @cached_property
    def _url(self) -> str:
        """The folder's address, once: to quote each path took most of the time of a list, and what follows it
        needs no escapes."""
        return self.folder.as_uri().removesuffix("/")

    def thumbnail(self, sha256: str, size: str) -> Path:
        """The file of a blob's thumbnail. Raises `StoreError` for anything but a hash and a name."""
        return self.folder / thumbnail_name(sha256, size)

    def manifest(self, name: str) -> Path:
        """The manifest of that name. Raises `StoreError` for what cannot be a name."""
        return self.manifests / f"{checked_name(name)}{MANIFEST_SUFFIX}"

    def manifest_text(self, name: str) -> str:
        """The same path as text, for whoever reads all of them."""
        return f"{self.folder}{os.sep}{_MANIFESTS}{os.sep}{checked_name(name)}{MANIFEST_SUFFIX}"

    def side_file(self, folder: Path, name: str) -> Path:
        """The file of that name in one of the folders of opinions. Raises `StoreError` for what cannot be
        a name."""
        return folder / f"{checked_name(name)}{MANIFEST_SUFFIX}"

    def lock(self, name: str) -> Path:
        """The lock file of that name. Raises `StoreError` for what cannot be a name."""
        return self.locks / f"{checked_name(name)}{LOCK_SUFFIX}"

    def marker(self, run_id: str, owner: str) -> Path:
        """The file that says which lock keeps a run alive. Raises `StoreError` for what cannot be a name."""
        return self.locks / f"{checked_name(run_id)}.{checked_name(owner)}{MARKER_SUFFIX}"

    @property
    def may_be_written(self) -> bool:
        """Whether this user may write in the store; also where there is none yet."""
        if not self.folder.is_dir():
            return True
        own = [(self.folder, os.W_OK | os.X_OK), (self.database, os.R_OK | os.W_OK)]
        inside = [one for one in (self.manifests, self.locks) if one.is_dir()]
        own += [(folder, os.R_OK | os.W_OK | os.X_OK) for folder in inside]
        return all(os.access(path, how) for path, how in own if path.exists())

    @property
    def unreadable(self) -> list[Path]:
        """The store's own folders that this user may not look into."""
        own = (self.blobs, self.manifests, *self.opinions)
        return [one for one in own if one.is_dir() and not os.access(one, os.R_OK | os.X_OK)]

    def make(self, subfolder: Path) -> None:
        """Make a folder of the store and those above it, up to the store's own.

        A link in their place is refused: it would lead writes out of the store. Raises OSError.
        """
        is_inside = subfolder != self.folder
        if is_inside:
            self.make(subfolder.parent)
        if not subfolder.is_dir():
            subfolder.mkdir(mode=0o700, parents=not is_inside, exist_ok=True)
            sync_folder(subfolder.parent)
        if is_inside and subfolder.is_symlink():
            raise OSError(errno.ELOOP, f"{subfolder} is a link; the store writes only inside itself")


def blob_name(sha256: str, media_type: str) -> str:
    """Where the bytes with that hash lie in any store, with slashes. Raises `StoreError` for anything but a
    hash and an image's type."""
    if _DIGEST.fullmatch(sha256) and media_type in EXTENSIONS:
        return f"{_BLOBS}/{sha256[:2]}/{sha256}.{EXTENSIONS[media_type]}"
    raise StoreError(f"the store has no place for a {media_type!r} with the hash {sha256[:80]!r}")


def thumbnail_name(sha256: str, size: str) -> str:
    """Where a thumbnail of those bytes lies. Raises `StoreError` for anything but a hash and a name."""
    if _DIGEST.fullmatch(sha256):
        return f"{_THUMBNAILS}/{sha256[:2]}/{sha256}.{checked_name(size)}.webp"
    raise StoreError(f"the store has no place for a thumbnail of the hash {sha256[:80]!r}")


def is_name(text: str) -> bool:
    """Whether `text` can be part of a file's name."""
    return _NAME.fullmatch(text) is not None


def checked_name(name: str) -> str:
    """The same name. Raises `StoreError` for what cannot be one."""
    if is_name(name):
        return name
    raise StoreError(f"run id {name[:80]!r}: use at most 80 letters, digits, hyphens and underscores")
