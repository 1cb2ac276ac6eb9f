"""Which kind of store an address means: a folder, or objects below a URL."""

from __future__ import annotations

import os
import re

from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.errors import StoreError
from imagegen_nb.store import relocation
from imagegen_nb.store.base import Store
from imagegen_nb.store.local import LocalStore

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(address: str | os.PathLike[str]) -> bool:
    """Whether an address is a URL and no folder."""
    return isinstance(address, str) and _URL.match(address) is not None


def open_store(address: str | os.PathLike[str], limit: int | None = None) -> Store:
    """The store at a folder's path or a URL; `limit` is in bytes, None for none.

    A notebook that is tested or recorded gets an empty one of its own instead: see `relocation`.
    Raises `InvalidOption`, and `StoreError` where a file is in the folder's place.
    """
    if not is_url(address):
        return LocalStore(relocation.relocated(user_path(address, StoreError)), limit)
    relocation.check_url(str(address))
    # Loaded where it is used: a folder needs none of it.
    from imagegen_nb.store.object_store import ObjectStore

    return ObjectStore(str(address), limit)
