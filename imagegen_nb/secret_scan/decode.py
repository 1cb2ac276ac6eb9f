"""What else some bytes say: URL-decoded, inside base64 at any alignment, packed in a picture, in UTF-16.

For whoever looks for something that must not be there: each layer is plain text to search.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pybase64

from imagegen_nb.core.images import sniff

_DEEPEST = 3
"""Layers inside layers: a picture in base64 in a notebook that is itself in base64 still counts."""
_MOST_UNPACKED = 16 * 1024 * 1024
"""Bytes that the packed texts of one picture may become together."""
_SHORTEST = 20
"""Characters; nothing shorter hides a key."""

_PRINTABLE = re.compile(f"[!-~]{{{_SHORTEST},}}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*")
"""Also where lines are wrapped."""
_STANDARD = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\r\n"
_COMPRESSED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


class Layer(NamedTuple):
    """A text, one character for each byte; `at` is where in the outermost bytes it stands, and `how`
    says in which disguise, in words, or nothing."""

    at: int
    how: str
    text: str


def layers(data: bytes, depth: int = _DEEPEST) -> Iterator[Layer]:
    """`data` as it stands, and all that it can be read as besides."""
    text = data.decode("latin-1")
    yield Layer(0, "", text)
    if b"\0" in data:
        yield Layer(0, "in UTF-16", text.replace("\0", ""))
    for packed in _texts_of_png(data) if sniff(data) == "image/png" else ():
        yield Layer(0, "packed in the picture", packed.decode("latin-1"))
    if not depth:
        return
    for start, how, inner in _decoded(text):
        for layer in layers(inner, depth - 1):
            words = ", ".join(filter(None, (layer.how, how)))
            yield Layer(start, words, layer.text)


def _decoded(text: str) -> Iterator[tuple[int, str, bytes]]:
    if "%" in text:
        for match in _PRINTABLE.finditer(text):
            if "%" in match[0] and (plain := unquote_to_bytes(match[0])) != match[0].encode():
                yield match.start(), "URL-encoded", plain
    for match in _BASE64.finditer(text):
        run = match[0].encode().translate(_STANDARD, _SPACE)
        # What stands before it may have been taken for a part of it: so it may begin anywhere.
        for shift in range(4):
            piece = run[shift:]
            piece = piece[: len(piece) - (len(piece) % 4 == 1)]
            yield match.start(), "in base64", pybase64.b64decode(piece + b"=" * (-len(piece) % 4))


def _texts_of_png(data: bytes) -> Iterator[bytes]:
    """The compressed texts and the colour profile of a PNG; all else in it stands there in clear."""
    at, left = 8, _MOST_UNPACKED
    while at + 12 <= len(data) and left > 0:
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if name in (b"zTXt", b"iTXt", b"iCCP"):
            text = _unpacked(data[at + 8 : at + 8 + length], left)
            left -= len(text)
            yield text
        at += 12 + length


def _unpacked(body: bytes, most: int) -> bytes:
    """What is compressed after the keyword, the method and, in iTXt, two more texts."""
    for match in _COMPRESSED.finditer(body):
        try:
            return zlib.decompressobj().decompress(body[match.start() :], most)
        except zlib.error:
            continue
    return b""
