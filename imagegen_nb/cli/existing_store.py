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
    from imagegen_nb.core.given_files import told_kind
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.open_store import open_store

    found = open_store(address)
    if not maintenance.exists(found):
        instead = "" if "://" in address else told_kind(Path(address).expanduser())
        raise InvalidOption(
            f"there is no store in {address}{instead}: give the folder or the URL that "
            f"Workspace(...) was given{_nearby(address)}"
        )
    return found


def _nearby(address: str) -> str:
    """The stores in the folder where one was looked for, and in the one that was given."""
    if "://" in address:
        return ""
    folder = Path(address).expanduser()
    stores = [*_stores_in(folder), *(one for one in _stores_in(folder.parent) if one != folder)]
    named = dict.fromkeys(map(str, stores))
    return f"; there is one in {', '.join([*named][:_MOST_NAMED])}" if named else ""


def _stores_in(folder: Path) -> list[Path]:
    from imagegen_nb.store.paths import StorePaths

    try:
        found = [
            one for one in islice(folder.iterdir(), _MOST_LOOKED_AT) if StorePaths(one).database.is_file()
        ]
    except OSError:
        return []
    return sorted(found)
