"""Thumbnails of stored images: made when somebody looks, kept in memory and, where the store does, on disk.

Memory holds only what was made in this process from bytes whose hash was taken, so that what lies in one
store's cache is never shown for the image of another.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from imagegen_nb.core import images
from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.core.images import ThumbnailSize
from imagegen_nb.errors import ImagegenError
from imagegen_nb.store.base import AssetRecord, Store

_MOST_IN_MEMORY = 256


@dataclass(slots=True)
class _Made:
    """A thumbnail, and whether a store was told to keep it."""

    data: bytes
    stored: bool = False


_lock = ForkSafeLock()
_made: OrderedDict[tuple[str, str], _Made] = OrderedDict()
"""By the image's hash and the size's name; what was used last is last."""


def thumbnail(store: Store, asset: AssetRecord, size: ThumbnailSize) -> bytes | None:
    """The thumbnail of a stored image; None when its bytes are not there or damaged. Blocks meanwhile."""
    if not store.holds(asset):
        return None
    if (small := _kept(store, asset, size)) is not None:
        return small
    if size != images.LIVE and (small := _from_larger(store, asset, size)) is not None:
        return small
    try:
        with store.open(asset.id) as file:
            data = file.read()
        small = images.thumbnail(data, size)
    except (ImagegenError, OSError):
        return None
    # Other bytes than the record's are shown as they are, but not kept under its hash.
    if hashlib.sha256(data).hexdigest() == asset.sha256:
        keep(store, asset, size, small)
    return small


def kept(store: Store, asset: AssetRecord, size: ThumbnailSize) -> bytes | None:
    """The thumbnail if it was made before; None also when the image itself is gone."""
    return _kept(store, asset, size) if store.holds(asset) else None


def keep(store: Store, asset: AssetRecord, size: ThumbnailSize, small: bytes) -> None:
    """Keep the thumbnail of a stored image, made from its own bytes or pixels."""
    _remember(asset.sha256, size, _Made(small, stored=True))
    store.keep_thumbnail(asset, size.name, small)


def of_arrived(data: bytes, size: ThumbnailSize) -> bytes:
    """The thumbnail of an image that no store has yet; once one has, it need not be made again.

    Raises `ImageRejected`.
    """
    digest = hashlib.sha256(data).hexdigest()
    if made := _remembered(digest, size):
        return made.data
    small = images.thumbnail(data, size)
    _remember(digest, size, _Made(small))
    return small


def _from_larger(store: Store, asset: AssetRecord, size: ThumbnailSize) -> bytes | None:
    """A small thumbnail out of the one for a page beside a kernel, which is read far faster."""
    if (larger := _kept(store, asset, images.LIVE)) is None:
        return None
    try:
        small = images.thumbnail(larger, size)
    except ImagegenError:
        return None
    store.keep_thumbnail(asset, size.name, small)
    return small


def _kept(store: Store, asset: AssetRecord, size: ThumbnailSize) -> bytes | None:
    made = _remembered(asset.sha256, size)
    if made is None:
        return store.read_thumbnail(asset, size.name)
    if not made.stored:
        keep(store, asset, size, made.data)
    return made.data


def _remembered(sha256: str, size: ThumbnailSize) -> _Made | None:
    with _lock:
        made = _made.get((sha256, size.name))
        if made is not None:
            _made.move_to_end((sha256, size.name))
        return made


def _remember(sha256: str, size: ThumbnailSize, made: _Made) -> None:
    with _lock:
        _made[sha256, size.name] = made
        _made.move_to_end((sha256, size.name))
        while len(_made) > _MOST_IN_MEMORY:
            _made.popitem(last=False)
