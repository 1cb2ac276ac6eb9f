"""Whether a PNG file is whole, told without making a picture of it.

A decoder undoes the filter of every row and puts the pixels where a program can use them. To know that it
will succeed takes less than half of that time: each chunk's checksum is right, and the pixels inflate to just
the rows that the header announces. What is unusual is left to a decoder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">IIBBBBB")
_CHANNELS: Final = {0: 1, 2: 3, 4: 2, 6: 4}
"""By colour type; one with a palette is not among them, as its pixels may point beyond it."""
_LAST_FILTER: Final = 4
_ANIMATION: Final = frozenset((b"acTL", b"fcTL", b"fdAT"))


def is_whole(data: bytes) -> bool:
    """Whether `data` is a PNG that certainly decodes; false also for one that only a decoder can tell.

    True means: grey or RGB of 8 or 16 bits, with or without alpha; not interlaced; nothing but the pixels is
    necessary for it, and everything that is said beside them stands before them.
    """
    try:
        return _is_whole(data)
    except (ValueError, struct.error, zlib.error):
        return False


def _is_whole(data: bytes) -> bool:
    chunks = _chunks(data)
    name, header = next(chunks)
    if name != b"IHDR":
        return False
    pixels = _Pixels(*_rows(header))
    for name, content in chunks:
        if name == b"IDAT":
            pixels.inflate(content)
        elif name == b"IEND":
            return pixels.are_complete and next(chunks, None) is None
        elif pixels.have_begun or not _is_beside_the_picture(name):
            return False
    return False


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk. Raises `ValueError` where a checksum is wrong or an end is missing."""
    view = memoryview(data)
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    position = len(_SIGNATURE)
    while position < len(view):
        (length,) = struct.unpack_from(">I", view, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", view, end)
        if zlib.crc32(view[position + 4 : end]) != checksum:
            raise ValueError("damaged")
        yield bytes(view[position + 4 : position + 8]), view[position + 8 : end]
        position = end + 4


def _rows(header: memoryview) -> tuple[int, int]:
    """The bytes of a row, with the one that names its filter, and the number of rows."""
    width, height, bits, colour_type, compression, filters, interlaced = _HEADER.unpack(header)
    if bits not in (8, 16) or colour_type not in _CHANNELS or compression or filters or interlaced:
        raise ValueError("left to a decoder")
    if not width or not height:
        raise ValueError("no pixels")
    return 1 + width * _CHANNELS[colour_type] * bits // 8, height


def _is_beside_the_picture(name: bytes) -> bool:
    """Whether a decoder may do without a chunk: a small first letter says so."""
    return name[:1].islower() and name not in _ANIMATION


class _Pixels:
    """Inflates pixels piece by piece, and keeps none of them."""

    def __init__(self, row: int, rows: int) -> None:
        self._row = row
        self._seen = 0
        self._left = row * rows
        self._inflater = zlib.decompressobj()
        self.have_begun = False
        """Whether the first of their chunks has come."""

    @property
    def are_complete(self) -> bool:
        """Whether all have come, and their own checksum was right."""
        return self._inflater.eof and not self._left

    def inflate(self, content: memoryview) -> None:
        """Take in what comes next. Raises `ValueError` or `zlib.error` for what is no row or one too many."""
        self.have_begun = True
        piece = self._inflater.decompress(content, self._left + 1)
        self._left -= len(piece)
        if self._left < 0 or self._inflater.unused_data or self._inflater.unconsumed_tail:
            raise ValueError("more than the header announces")
        filters = piece[-self._seen % self._row :: self._row]
        if filters and max(filters) > _LAST_FILTER:
            raise ValueError("no filter has that number")
        self._seen += len(piece)
