"""The store that a command is to look at: a folder or a URL, where there is one already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.store.base import Store


def open_existing(address: str) -> Store:
    """The store at an address. One without any is refused, where using it would make it. Raises
    `InvalidOption`, or `StoreError` where nobody can look."""
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.open_store import open_store

    found = open_store(address)
    if not maintenance.exists(found):
        raise InvalidOption(
            f"there is no store in {address}: give the folder or the URL that Workspace(...) was given"
        )
    return found
