"""The store seam: where images are kept, and what is promised about them.

Bytes go down first, durably (`stage`), then their records in one transaction (`put`): what has a
record is whole, and what a reader sees survives a crash. All methods may block; callers on an
event loop use a thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are safely down: their SHA-256 (hex), length and MIME type."""

    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsset:
    """What a record is made of. `width` and `height` are pixels, `label` names the file for people."""

    blob: Blob
    file_name: str
    width: int
    height: int
    run_id: str
    emulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAsset:
    """A record: the platform's five keys, and beside them what only this toolkit knows.

    `created_at` is an ISO 8601 time in UTC, for people only: order comes from the store.
    """

    id: str
    file_url: str
    file_name: str
    file_size: int
    file_type: str
    sha256: str
    width: int
    height: int
    run_id: str
    emulated: bool
    created_at: str


class Store(ABC):
    """Keeps images and their records."""

    limit: int | None
    """Bytes at which no further run may start; None for no limit."""

    @property
    @abstractmethod
    def used(self) -> int:
        """Bytes of all records, as the platform counts them: each asset by its file size."""

    @abstractmethod
    def stage(self, data: bytes, media_type: str) -> Blob:
        """Write bytes durably and say how to refer to them. Raises `StoreError`."""

    @abstractmethod
    def put(self, assets: Sequence[NewAsset]) -> tuple[StoredAsset, ...]:
        """Record staged images, all or none. Raises `StoreError`."""

    @abstractmethod
    def get(self, asset_id: str) -> StoredAsset:
        """The record of an id. Raises `AssetNotFound`."""

    @abstractmethod
    def open(self, asset_id: str) -> BinaryIO:
        """The bytes of an id, as a file open for reading. Raises `AssetNotFound`."""

    @abstractmethod
    def records(self, run_id: str | None = None) -> Iterator[StoredAsset]:
        """All records, oldest first, or those of one run."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; the store can be used again afterwards."""
