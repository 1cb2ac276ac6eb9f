"""Bytes on their way in: hashed and written to a file as they come, so that nobody holds them whole."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_HEAD = 64
"""Bytes from the beginning, which tell what a file is."""


class ReceivedFile:
    """A temporary file with bytes that have arrived, removed with this object unless it was moved.

    `size` is in bytes, `sha256` in hexadecimal digits, `head` are the first bytes.
    """

    def __init__(self, path: Path, size: int, sha256: str, head: bytes) -> None:
        self.path = path
        self.size = size
        self.sha256 = sha256
        self.head = head
        self._remover = weakref.finalize(self, _remove, path, os.getpid())

    @property
    def is_there(self) -> bool:
        """Whether the file still has its size: somebody may have removed it meanwhile."""
        try:
            return self.path.stat().st_size == self.size
        except OSError:
            return False

    def read(self) -> bytes:
        """All of it. Raises OSError."""
        return self.path.read_bytes()

    def move(self, target: Path) -> None:
        """Make it durable and put it at `target`, whose name the caller makes durable. Raises OSError."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self.path.replace(target)
        self._remover.detach()
        self.path = target

    def remove(self) -> None:
        """Remove the file, where it was not moved."""
        self._remover()


class Receiver:
    """Takes bytes in and ends as a `ReceivedFile`; as plain bytes where no file can be written.

    `new_path` names a file that does not exist yet. Bytes with one of the `secrets` in them are not written:
    `write` says so, and the rest is up to the caller. `size` is the bytes so far.
    """

    def __init__(self, new_path: Callable[[], Path | None] | None, secrets: Sequence[bytes] = ()) -> None:
        import hashlib  # deferred: OpenSSL takes long to load, and most who import this receive nothing

        self._hash = hashlib.sha256()
        self.size = 0
        self._head = b""
        self._secrets = tuple(secrets)
        self._overlap = max((len(secret) - 1 for secret in self._secrets), default=0)
        self._tail = b""
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        # What has been paid for is not lost to a full disk, a lack of open files, or a store that somebody
        # else wrote: memory takes it.
        with suppress(Exception):
            path = new_path() if new_path is not None else None
            if path is not None:
                self._path = Path(path)
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._file = os.fdopen(os.open(self._path, flags, 0o644), "w+b", buffering=0)
                # Also where the process ends in the middle of an answer.
                self._remover = weakref.finalize(self, _give_up, self._file, self._path, os.getpid())

    def write(self, data: bytes) -> bool:
        """Take in what comes next; false, taking nothing, where a secret is in it."""
        if self._secrets and self._has_secret(data):
            return False
        self._hash.update(data)
        self.size += len(data)
        if len(self._head) < _HEAD:
            self._head += data[: _HEAD - len(self._head)]
        if self._file is not None:
            try:
                if self._file.write(data) == len(data):
                    return True
            except OSError:
                pass
            self._fall_back(self.size - len(data))
        self._memory += data
        return True

    def finish(self) -> bytes | ReceivedFile:
        """What has come."""
        if self._file is None or self._path is None:
            return bytes(self._memory)
        with suppress(OSError):  # a network's disk may report here what was lost: the image then shows it
            self._file.close()
        self._remover.detach()
        return ReceivedFile(self._path, self.size, self._hash.hexdigest(), self._head)

    def take_back(self) -> bytes:
        """What has come, as bytes; the file is removed."""
        if self._file is not None:
            self._fall_back(self.size)
        return bytes(self._memory)

    def discard(self) -> None:
        """Forget what has come; the file is removed."""
        if self._file is not None:
            self._fall_back(0)
        self._memory.clear()

    def _has_secret(self, data: bytes) -> bool:
        border = self._tail + data[: self._overlap]
        end = self._tail + data[max(0, len(data) - self._overlap) :]
        self._tail = end[max(0, len(end) - self._overlap) :]
        return any(secret in data or secret in border for secret in self._secrets)

    def _fall_back(self, size: int) -> None:
        """Hold the first `size` bytes in memory instead of in the file."""
        assert self._file is not None
        file, self._file = self._file, None
        try:
            file.seek(0)
            self._memory = bytearray(file.read(size))
        finally:
            self._remover()


def _remove(path: Path, process: int) -> None:
    if process == os.getpid():  # a forked child's copy is not its own
        with suppress(OSError):
            path.unlink()


def _give_up(file: BinaryIO, path: Path, process: int) -> None:
    with suppress(OSError):
        file.close()
    _remove(path, process)
