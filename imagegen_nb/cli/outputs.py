"""Files that a command is to write, looked at before anything is asked: what is paid for needs a place."""

from __future__ import annotations

import os
from pathlib import Path

from imagegen_nb.core.atomic_files import making
from imagegen_nb.errors import InvalidOption


def check_folder(option: str, path: Path) -> None:
    """Refuse a file that cannot be written, told by its `option`. Raises `InvalidOption`."""
    folder = path.expanduser().absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return
    remedy = "choose another" if folder.exists() else making(folder)
    raise InvalidOption(f"{option} {path}: {folder} is not a folder that can be written to; {remedy}")


def replacing(target: Path) -> str:
    """What is told of a file that is written in the place of an older one, asked before it is written."""
    return " (replacing the older file)" if target.exists() else ""
