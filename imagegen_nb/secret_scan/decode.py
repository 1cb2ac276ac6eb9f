"""The texts that some bytes hold: as they stand, URL-decoded, out of base64, out of PNG chunks, from UTF-16.

A key that was encoded on its way into a file is found only in one of these.
"""

from __future__ import annotations

import re
import string
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pybase64

from imagegen_nb.core.images import sniff

_MOST_LEVELS = 3
"""Encodings inside encodings: a picture in base64 in a notebook that is itself in base64 is searched."""
_MOST_DECOMPRESSED = 16 * 1024 * 1024
"""Bytes to which the compressed texts of one picture may add up."""
_SHORTEST = 20
"""Characters; no key is shorter."""

_PRINTABLE = bytes(ord("!") <= code <= ord("~") for code in range(256))
_SHORTEST_BASE64 = 24
_IN_BASE64 = bytes(chr(code) in f"{string.ascii_letters}{string.digits}+/_-" for code in range(256))
"""Both alphabets. Such a table has 1 for each byte that may stand in a run, and 0 for all others."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*")
"""A run that may be wrapped in lines."""
_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n"
_ZLIB_HEADER = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


class Decoded(NamedTuple):
    """A text, one character for each byte. `offset` is where it begins in the undecoded bytes, and
    `encoding` how it is encoded there, such as "in base64", or empty."""

    offset: int
    encoding: str
    text: str


def decodings(data: bytes, levels: int = _MOST_LEVELS) -> Iterator[Decoded]:
    """`data` as it stands, and everything it can be decoded to, up to `levels` encodings deep."""
    text = data.decode("latin-1")
    yield Decoded(0, "", text)
    if b"\0" in data:
        yield Decoded(0, "in UTF-16", data.replace(b"\0", b"").decode("latin-1"))
    for compressed in _compressed_png_texts(data) if sniff(data) == "image/png" else ():
        yield Decoded(0, "packed in the picture", compressed.decode("latin-1"))
    if not levels:
        return
    for offset, encoding, inner_data in chain(_url_decoded(data), _base64_decoded(data)):
        for inner in decodings(inner_data, levels - 1):
            yield Decoded(offset, ", ".join(filter(None, (inner.encoding, encoding))), inner.text)


def _runs(data: bytes, table: bytes, shortest: int) -> Iterator[tuple[int, int]]:
    """Where bytes of a `table` follow each other, at least `shortest` of them: beginnings and ends.

    In a picture, where there are hardly any, this is ten times as fast as an expression.
    """
    marked, wanted = data.translate(table), b"\1" * shortest
    start = marked.find(wanted)
    while start >= 0:
        end = marked.find(b"\0", start)
        end = len(data) if end < 0 else end
        yield start, end
        start = marked.find(wanted, end)


def _url_decoded(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    if b"%" not in data:
        return
    for start, end in _runs(data, _PRINTABLE, _SHORTEST):
        run = data[start:end]
        if b"%" in run and (decoded := unquote_to_bytes(run)) != run:
            yield start, "URL-encoded", decoded


def _base64_decoded(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    end = 0
    for start, _ in _runs(data, _IN_BASE64, _SHORTEST_BASE64):
        if start < end:
            continue  # a further line
        match = _BASE64.match(data, start)
        assert match is not None
        end = match.end()
        run = match[0].translate(_TO_STANDARD_ALPHABET, _WHITESPACE)
        # Letters just before the base64 match the pattern too: try each of the four alignments.
        for shift in range(4):
            aligned = run[shift:]
            aligned = aligned[: len(aligned) - (len(aligned) % 4 == 1)]  # one character alone encodes nothing
            yield start, "in base64", pybase64.b64decode(aligned + b"=" * (-len(aligned) % 4))


def _compressed_png_texts(data: bytes) -> Iterator[bytes]:
    """The compressed texts and the colour profile of a PNG. Its other texts are not compressed."""
    position, left = len(b"\x89PNG\r\n\x1a\n"), _MOST_DECOMPRESSED
    while position + 12 <= len(data) and left > 0:
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            text = _decompressed(data[position + 8 : position + 8 + length], left)
            left -= len(text)
            yield text
        position += 12 + length


def _decompressed(chunk: bytes, limit: int) -> bytes:
    """The compressed part of a chunk. It follows a keyword and, in iTXt, a language and another keyword."""
    for match in _ZLIB_HEADER.finditer(chunk):
        try:
            return zlib.decompressobj().decompress(chunk[match.start() :], limit)
        except zlib.error:
            continue
    return b""
