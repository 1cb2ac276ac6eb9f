"""Unpacks an answer that came compressed although nothing of the kind was asked for, and as far as it came.

Gateways pack what need not be packed, leave their label on what they have unpacked, and forget it on what
they have not. So the bytes decide, and the label only where they leave it open.
"""

from __future__ import annotations

import re
import zlib

from imagegen_nb.providers.http.decoding import WHITE_SPACE, is_event_stream

_GZIP = b"\x1f\x8b"
_ZLIB_OR_GZIP, _RAW = 47, -15
"""Window sizes as zlib takes them: told by the header, or without one."""
_PLAIN = re.compile(rb"[\t\r\n -~]{48}")
_PIECE = 1 << 16


def unpack(data: bytes, encoding: str, cap: int) -> bytes | None:
    """`data` without its `encoding`, as far as it can be unpacked; None where nothing here can.

    At most `cap` + 1 bytes are made, whatever it would unfold to.
    """
    if not is_packed(data, encoding):
        return data
    if data.startswith(_GZIP):
        return _inflate(data, _ZLIB_OR_GZIP, cap)
    if not _names(encoding) <= {"gzip", "x-gzip", "deflate"}:
        return None
    return _inflate(data, _ZLIB_OR_GZIP, cap) or _inflate(data, _RAW, cap) or None


def is_packed(start: bytes, encoding: str) -> bool:
    """Whether a body that begins with `start` has to be unpacked, as far as its first bytes tell."""
    return start.startswith(_GZIP) or (bool(_names(encoding)) and not _is_plain(start))


def _names(encoding: str) -> set[str]:
    """The encodings that a label names."""
    return {name.strip().lower() for name in encoding.split(",")} - {"", "identity"}


def _is_plain(data: bytes) -> bool:
    if not data or data[:64].lstrip(WHITE_SPACE)[:1] in (b"{", b"[", b"<") or is_event_stream(data):
        return True
    # A log's line before the answer; no packed data begins with so much plain text.
    return _PLAIN.match(data) is not None


def _inflate(data: bytes, window: int, cap: int) -> bytes:
    """What `data` holds, member by member, up to where it is damaged or ends."""
    unpacked = bytearray()
    while data and len(unpacked) <= cap:
        member, rest = zlib.decompressobj(window), b""
        try:
            for start in range(0, len(data), _PIECE):
                unpacked += member.decompress(data[start : start + _PIECE], cap + 1 - len(unpacked))
                if member.eof:
                    rest = member.unused_data + data[start + _PIECE :]
                if member.eof or len(unpacked) > cap:
                    break
        except zlib.error:
            break
        data = rest
    return bytes(unpacked)
