"""What an image file says in words: its XMP, and the parameters that Stable Diffusion's tools write.

Written are whole parts beside the picture, of which not a byte changes. A PNG has the parameters as a text of
that name; a JPEG and a WebP in the EXIF data, as the user's comment. Nothing is decoded into pixels.
"""

from __future__ import annotations

import codecs
import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from imagegen_nb.core import content_credentials, png_text, xmp
from imagegen_nb.core.image_file_parts import JPEG, PNG, Part, parts

if TYPE_CHECKING:
    from PIL import Image as PILImage

_KEYWORD = "parameters"
_LARGEST_EXIF = 1_000_000
_LARGEST_SEGMENT = 65_533
"""Bytes of a JPEG segment's content."""
_MOST_TEXTS = 50
_EXIF_HEAD = b"Exif\0\0"
_EXIF_PARTS: Final = (b"\xe1", b"EXIF", b"eXIf")
_THUMBNAIL_IFD, _EXIF_IFD, _MAKER_NOTE, _USER_COMMENT = 1, 0x8769, 0x927C, 0x9286
_IFDS = (_EXIF_IFD, 0x8825, 0xA005)
"""Groups of values, by the tags that say where they are."""
_WORDY: Final = (*png_text.CHUNKS, *_EXIF_PARTS, xmp.WEBP_CHUNK)
_APP0, _APP1, _APP2 = b"\xe0", b"\xe1", b"\xe2"
_APP1_HEAD = struct.Struct(">HH")
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_HAS_ALPHA, _HAS_EXIF, _HAS_XMP = 0x10, 0x08, 0x04
"""Flags in the header of an extended WebP."""


@dataclass(frozen=True, slots=True)
class FileTexts:
    """What a file says: its XMP packet, the parameters, and the keywords of a PNG's other texts."""

    packet: bytes | None = None
    parameters: str | None = None
    keywords: frozenset[str] = frozenset()


def read(data: bytes) -> FileTexts:
    """What a file says, the first of each kind. Whatever the bytes are, nothing is raised."""
    file = io.BytesIO(data)
    packet, parameters, keywords = None, None, set[str]()
    for part in islice(_wordy(file), _MOST_TEXTS):
        if part.content + part.size > len(data):
            break  # the file was cut off here: half of a prompt is another one
        if packet is None:
            packet = xmp.packet_of(part, file)
        if part.name in png_text.CHUNKS:
            content = part.read(file, part.size)
            keywords.add(png_text.keyword(content))
            if parameters is None and png_text.keyword(content) == _KEYWORD:
                parameters = png_text.read(part.name, content)
        elif part.name in _EXIF_PARTS and part.size <= _LARGEST_EXIF and parameters is None:
            parameters = _comment(part.read(file, part.size)) or None
    return FileTexts(packet, parameters, frozenset(keywords))


def _wordy(file: io.BytesIO) -> Iterator[Part]:
    """The parts that may hold words, and not too many: each may have to be inflated or parsed."""
    return (part for part in parts(file) if part.name in _WORDY and part.size <= png_text.LARGEST)


def with_texts(
    data: bytes, properties: Mapping[str, str], prefixes: Mapping[str, str], parameters: str
) -> bytes | None:
    """The file with these XMP properties and parameters, its picture untouched; None where it cannot take
    them, as one with content credentials.

    What the file says already stays: its own parameters, and its own properties of these names.
    """
    if not _can_take(io.BytesIO(data)):
        return None
    known = read(data)
    if known.packet is None:
        packet: bytes | None = xmp.written(properties, prefixes)
    else:
        packet = xmp.added(known.packet, properties, prefixes)
    if packet is None:
        return None
    new = parameters if known.parameters is None else None
    if data.startswith(PNG):
        return _png(data, packet, new)
    if data.startswith(JPEG):
        return _jpeg(data, packet, new)
    return _webp(data, packet, new) if data[:4] == b"RIFF" else None


def _can_take(file: io.BytesIO) -> bool:
    """Whether words may be added, and there is one place for them."""
    if content_credentials.are_in(file):
        return False
    wordy, packets, is_behind = 0, 0, False
    for part in parts(file):
        is_behind |= part.name == b"IDAT"
        if part.name in (b"iTXt", xmp.WEBP_CHUNK) and part.size > xmp.LARGEST:
            return False
        if part.name in _WORDY:
            wordy += 1
            packets += xmp.packet_of(part, file) is not None
            if (packets and is_behind) or packets > 1 or wordy > _MOST_TEXTS:
                return False
    return True


def _png(data: bytes, packet: bytes, parameters: str | None) -> bytes | None:
    file = io.BytesIO(data)
    kept, at = list[bytes](), 0
    for part in parts(file):
        if part.name == b"IDAT":  # before it, where readers find it that stop at the picture
            texts = [png_text.international_chunk(xmp.PNG_KEYWORD, packet)]
            texts += [png_text.chunk(_KEYWORD, parameters)] if parameters is not None else []
            return b"".join([*kept, data[at : part.start], *texts, data[part.start :]])
        if xmp.packet_of(part, file) is not None:
            kept.append(data[at : part.start])
            at = part.end
    return None


def _jpeg(data: bytes, packet: bytes, parameters: str | None) -> bytes | None:
    file = io.BytesIO(data)
    first, rest, exif = [data[:2]], list[bytes](), b""
    at = 2
    for part in parts(file):
        content, raw, at = part.read(file, part.size), data[part.start : part.end], part.end
        if part.name == _APP2 and content.startswith(b"MPF\0"):
            return None  # it counts the bytes of the whole file
        if part.name == _APP1 and content.startswith(_XMP_EXTENSION):
            return None  # it goes with a packet that is as it was
        if part.name == _APP1 and content.startswith(_EXIF_HEAD) and parameters is not None and not exif:
            exif = content
        elif xmp.packet_of(part, file) is None:
            (first if part.name == _APP0 and not rest else rest).append(raw)
    segments = [xmp.JPEG_HEAD + packet]
    if parameters is not None:
        exif = _with_comment(exif, parameters)
        segments.insert(0, exif)
    if any(not segment or len(segment) > _LARGEST_SEGMENT for segment in segments):
        return None
    added = [_APP1_HEAD.pack(0xFFE1, len(segment) + 2) + segment for segment in segments]
    return b"".join([*first, *added, *rest, data[at:]])


def _webp(data: bytes, packet: bytes, parameters: str | None) -> bytes | None:
    file = io.BytesIO(data)
    found = list(parts(file))
    if not found or 8 + int.from_bytes(data[4:8], "little") != len(data) or found[-1].end != len(data):
        return None  # what stands behind the file's own end would get into it
    header = _webp_header(found[0], file)
    if header is None:
        return None
    kept, exif = list[bytes](), b""
    for part in found[1:] if found[0].name == b"VP8X" else found:
        if part.name == b"EXIF" and parameters is not None:
            exif = part.read(file, part.size)
        elif part.name != xmp.WEBP_CHUNK:
            kept.append(data[part.start : part.end])
    if parameters is not None:
        if not (exif := _with_comment(exif, parameters).removeprefix(_EXIF_HEAD)):
            return None
        kept.append(_riff(b"EXIF", exif))
    has_exif = any(chunk.startswith(b"EXIF") for chunk in kept)
    flags = header[0] | _HAS_XMP | (_HAS_EXIF if has_exif else 0)
    kept = [_riff(b"VP8X", bytes([flags]) + header[1:]), *kept, _riff(xmp.WEBP_CHUNK, packet)]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_header(first: Part, file: io.BytesIO) -> bytes | None:
    """The header of an extended WebP: that of the file, or one for a picture that stands alone."""
    start = first.read(file, 10)
    if len(start) < 10:
        return None
    if first.name == b"VP8X":
        return start
    if first.name == b"VP8 ":
        sizes = int.from_bytes(start[6:8], "little"), int.from_bytes(start[8:10], "little")
        width, height, flags = sizes[0] & 0x3FFF, sizes[1] & 0x3FFF, 0
    elif first.name == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = _HAS_ALPHA if bits >> 28 & 1 else 0
    else:
        return None
    if not width or not height:
        return None
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _exif(data: bytes) -> PILImage.Exif:
    """The EXIF data of a part, or a new one."""
    from PIL import Image

    exif = Image.Exif()
    exif.load(data)
    return exif


def _comment(data: bytes) -> str:
    """The user's comment in the EXIF data of a part; empty where there is none that can be read."""
    if not data.startswith((_EXIF_HEAD, b"II", b"MM")):
        return ""
    try:
        found = _exif(data).get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
        is_big = data.removeprefix(_EXIF_HEAD).startswith(b"MM")
        return _decoded(found, is_big=is_big) if isinstance(found, bytes) else str(found)
    # Pillow's reader raises many types on damaged data.
    except Exception:  # noqa: BLE001
        return ""


def _decoded(comment: bytes, *, is_big: bool) -> str:
    """A comment by the eight bytes that name its encoding. UTF-16 comes in either order, whatever the
    standard says of it, and with a mark of its order or without: that of the EXIF data, `is_big`, counts only
    where the text does not show it."""
    kind, text = comment[:8], comment[8:]
    if kind == b"UNICODE\0":
        if text.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
            return text.decode("utf-16", "replace").rstrip("\0")
        zeros = text[0::2].count(0), text[1::2].count(0)
        is_big = is_big if zeros[0] == zeros[1] else zeros[0] > zeros[1]
        return text.decode("utf-16-be" if is_big else "utf-16-le", "replace").rstrip("\0")
    if kind in (b"ASCII\0\0\0", bytes(8)):
        return text.decode("utf-8", "replace").rstrip("\0")
    return comment.decode("utf-8", "replace").rstrip("\0")


def _with_comment(data: bytes, comment: str) -> bytes:
    """The EXIF data of a part with a comment; empty where what was there cannot be kept.

    All is written with the most significant byte first: the tools of Stable Diffusion read a comment so
    whatever the rest says, others (PHP's, Exiv2) as the rest is.
    """
    try:
        exif = _exif(data)
        if exif.get_ifd(_THUMBNAIL_IFD) or _MAKER_NOTE in exif.get_ifd(_EXIF_IFD):
            return b""  # they would not be the same afterwards
        before = _others(exif)
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + comment.encode("utf-16-be", "replace")
        exif.endian = ">"
        result = bytes(exif.tobytes())
        is_kept = _others(_exif(result)) == before
    except Exception:  # noqa: BLE001 - as above
        return b""
    return result if is_kept and _comment(result) == comment.rstrip("\0") else b""


def _others(exif: PILImage.Exif) -> dict[tuple[int, int], object]:
    """What EXIF data says but for the comment: Pillow writes no other letters than those of ASCII."""
    found = {(0, tag): value for tag, value in exif.items() if tag not in _IFDS}
    for ifd in _IFDS:
        found |= {(ifd, tag): value for tag, value in exif.get_ifd(ifd).items() if tag != _USER_COMMENT}
    return found
