"""The store that a command is to look at: a folder or a URL, where there is one already."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.store.base import Store

_MOST_LOOKED_AT = 1_000
"""Names in a folder."""
_MOST_NAMED = 3


def open_existing(address: str) -> Store:
    """The store at an address. One without any is refused, where using it would make it. Raises
    `InvalidOption`, or `StoreError` where nobody can look."""
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.open_store import open_store

    found = open_store(address)
    if not maintenance.exists(found):
        raise InvalidOption(
            f"there is no store in {address}: give the folder or the URL that Workspace(...) was given"
            f"{_nearby(address)}"
        )
    return found


def _nearby(address: str) -> str:
    """The stores in the folder where one was looked for."""
    from imagegen_nb.store.paths import StorePaths

    if "://" in address:
        return ""
    folder = Path(address).expanduser().parent
    try:
        stores = [
            one for one in islice(folder.iterdir(), _MOST_LOOKED_AT) if StorePaths(one).database.is_file()
        ]
    except OSError:
        return ""
    return f"; there is one in {', '.join(sorted(map(str, stores))[:_MOST_NAMED])}" if stores else ""
