"""The parts of an image file: a PNG's and a WebP's chunks, and a JPEG's segments before its first scan.

Only their headers are read, so that one may look for something in a large file. Nothing is believed of a size
but that it is one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
_MOST = 100_000
"""Parts of a file; a large PNG has some thousands."""
_BLOCK = 4096
_SCAN = 0xDA
_FIRST_SEGMENT = 0xC0
"""The markers below it stand alone, or are none."""


class Part(NamedTuple):
    """A part by its name: four letters, or the one byte of a JPEG's marker. It goes from `start` to `end`,
    which may lie beyond a damaged file; its content of `size` bytes begins at `content`."""

    name: bytes
    start: int
    content: int
    size: int
    end: int

    def read(self, file: BinaryIO, most: int) -> bytes:
        """Its content; the first `most` bytes of a larger one."""
        file.seek(self.content)
        return file.read(min(self.size, most))


def parts(file: BinaryIO) -> Iterator[Part]:
    """The parts of a file up to the first that has no header, and not without end; none of a file of another
    format."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(PNG):
        return islice(_png(file), _MOST)
    if head[:4] == b"RIFF":
        return islice(_webp(file), _MOST)
    return islice(_jpeg(file), _MOST) if head.startswith(JPEG) else iter(())


def _png(file: BinaryIO) -> Iterator[Part]:
    start = len(PNG)
    while len(head := _at(file, start, 8)) == 8:
        size, name = struct.unpack(">I4s", head)
        yield Part(name, start, start + 8, size, start + 12 + size)
        start += 12 + size


def _webp(file: BinaryIO) -> Iterator[Part]:
    start = 12
    while len(head := _at(file, start, 8)) == 8:
        name, size = struct.unpack("<4sI", head)
        end = start + 8 + size + size % 2
        yield Part(name, start, start + 8, size, end)
        start = end


def _jpeg(file: BinaryIO) -> Iterator[Part]:
    start = len(JPEG)
    while len(head := _at(file, start := _unfilled(file, start), 4)) == 4:
        mark, marker, size = struct.unpack(">BBH", head)
        if mark != 0xFF or marker < _FIRST_SEGMENT or marker == _SCAN or size < 2:
            return
        yield Part(bytes([marker]), start, start + 4, size - 2, start + 2 + size)
        start += 2 + size


def _unfilled(file: BinaryIO, start: int) -> int:
    """Where the next marker begins: before it, any number of bytes may fill (ISO 10918-1, B.1.1.2)."""
    while (block := _at(file, start, _BLOCK)).startswith(b"\xff\xff"):
        start += len(block) - len(block.lstrip(b"\xff")) - 1
    return start


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
