"""The texts in a PNG, chunks `tEXt`, `zTXt` and `iTXt`: keywords and texts, read within bounds, and made."""

from __future__ import annotations

import struct
import zlib
from typing import Final

CHUNKS: Final = (b"tEXt", b"zTXt", b"iTXt")
_LONGEST_KEYWORD = 79
LARGEST: Final = 2_000_000
"""Bytes of a text that is read, whatever a compressed one would grow to."""


def keyword(content: bytes) -> str:
    """The keyword of a chunk."""
    return content[: _LONGEST_KEYWORD + 1].partition(b"\0")[0].decode("latin-1")


def read(name: bytes, content: bytes) -> str | None:
    """The text of a chunk; None for another chunk, and for what is damaged or too large."""
    _, _, rest = content.partition(b"\0")
    if name in (b"tEXt", b"zTXt"):
        text = rest if name == b"tEXt" else _inflated(rest[1:])
        # It is Latin-1, by the standard; some write UTF-8 (LykosAI/StabilityMatrix#1535, exiftool#235), and
        # what can be read so is nearly never anything else.
        return _decoded(text, "utf-8") or _decoded(text, "latin-1")
    if name != b"iTXt" or len(rest) < 2:
        return None
    is_compressed, (_, _, words) = rest[0], _three(rest[2:])
    return _decoded(_inflated(words) if is_compressed else words, "utf-8")


def chunk(name: str, text: str) -> bytes:
    """The whole chunk of a text with the keyword `name`: `tEXt`, which more readers know, if its characters
    allow it, and nobody can take it for another."""
    try:
        content = name.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        content = b""
    if read(b"tEXt", content) == text:
        return raw_chunk(b"tEXt", content)
    return international_chunk(name, text.encode("utf-8", "replace"))


def international_chunk(name: str, text: bytes) -> bytes:
    """The whole chunk of a text in UTF-8, not compressed and in no language."""
    return raw_chunk(b"iTXt", name.encode() + b"\0\0\0\0\0" + text)


def raw_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its size and its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _three(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, translated keyword and text of an `iTXt`."""
    language, _, rest = rest.partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    return language, translated, text


def _inflated(data: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, LARGEST + 1)
    except zlib.error:
        return None
    return text if inflater.eof else None


def _decoded(text: bytes | None, encoding: str) -> str | None:
    if text is None or len(text) > LARGEST:
        return None
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return None
