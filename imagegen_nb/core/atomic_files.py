"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import uuid
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from imagegen_nb.core.open_files import OUT_OF_FILES, is_out_of_files

DISK_FULL = "the disk is full. Free some space, or choose another folder"
"""Why a file could not be written, in words for the user."""
NOT_ALLOWED = (
    "this user may not write there (permission denied). Choose another folder, or let its owner do it"
)
"""The same."""
NOT_READABLE = "this user may not read it (permission denied)"
"""Why a file could not be read, in words for the user."""


def user_path(path: str | os.PathLike[str], error: Callable[[str], Exception]) -> Path:
    """`path` with `~` filled in.

    Raises `error` for a home nobody has, for what cannot be a path, for a blank text, which would be the
    working directory, and for a place that cannot even be looked at: pathlib's `is_dir` and `exists` would
    raise an OSError there.
    """
    if isinstance(path, str) and not path.strip():
        raise error(
            'a path is needed and a blank text was given: give one, e.g. "folder/name", or "." for here'
        )
    try:
        expanded = Path(path).expanduser()
    except TypeError:
        kind = type(path).__name__
        raise error(
            f'a path is needed and a value of type {kind} was given: give text, e.g. "folder/name"'
        ) from None
    except RuntimeError:
        raise error(f"{os.fspath(path)!r} names a home folder that does not exist") from None
    if "\0" in str(expanded):
        raise error(f"{os.fspath(path)!r} holds a NUL character, which no path can have")
    try:
        with suppress(ValueError):  # characters that the file system cannot encode
            expanded.lstat()
    except OSError as failure:
        if failure.errno in (errno.ENAMETOOLONG, errno.EACCES):
            raise error(f"{os.fspath(path)} cannot be used: {explain(failure)}") from None
    return expanded


TEMPORARY_NAME = r"\.[0-9a-f]{32}\.tmp"
"""What `temporary_name` makes, as a regular expression."""


def temporary_name() -> str:
    """A new name for a file that is being written; what is left over is known by it."""
    return f".{uuid.uuid4().hex}.tmp"


def write_durably(path: Path, data: bytes, *, sync_name: bool = True) -> None:
    """Put `data` at `path` so that it is there whole, or not at all, whatever happens.

    A file that was there keeps its permissions. Without `sync_name` the caller makes the name durable, with
    those of other files, by `sync_folder`.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    temporary = path.with_name(temporary_name())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if sync_name:
        sync_folder(path.parent)


def read_bounded(path: Path, largest: int) -> bytes | None:
    """The bytes of a plain file, or None where it has more than `largest`. Raises OSError."""
    with open_plain(path) as file:
        data = file.read(largest + 1)
    return data if len(data) <= largest else None


def open_plain(path: Path) -> BufferedReader:
    """A plain file, opened to be read.

    For files somebody else may have laid: links are not followed, and pipes and devices not waited for.
    Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not a regular file")


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    if os.name == "posix":  # elsewhere folders cannot be opened, and renames are durable by themselves
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def explain_writing(error: OSError, folder: Path) -> str:
    """Why a file could not be written in a folder, and what to do."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NOT_ALLOWED
    if error.errno == errno.ENOENT and not folder.exists():
        return f"there is no folder {folder}; {making(folder)}"
    if error.errno == errno.ENOTDIR:
        part = next(one for one in (folder, *folder.parents) if one.exists())
        return f"{part} is a file, where a folder is needed; choose another"
    return explain(error)


def making(folder: Path) -> str:
    """What to do where a folder is missing."""
    return f"make it (mkdir -p {shlex.quote(str(folder))}), or choose another"


def explain(error: OSError) -> str:
    """Why a file operation failed, in words for the user."""
    if is_out_of_files(error):
        return OUT_OF_FILES
    if error.errno == errno.ELOOP:
        return "it is a link, and links are not followed here"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    return error.strerror or type(error).__name__
