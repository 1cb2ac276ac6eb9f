"""XMP, the XML in which image files say something about themselves: found, read within bounds, and written.

Read are plain properties, each by its namespace and name, as `http://purl.org/dc/terms/provenance`. The XML
is strangers': a document type, and with it every entity, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import BinaryIO, Final
from xml.parsers import expat

from imagegen_nb.core import png_text
from imagegen_nb.core.image_file_parts import Part

DUBLIN_CORE_TERMS: Final = "http://purl.org/dc/terms/"
LARGEST: Final = 2_000_000
"""Bytes of a packet that is read."""
PNG_KEYWORD: Final = "XML:com.adobe.xmp"
JPEG_HEAD: Final = b"http://ns.adobe.com/xap/1.0/\0"
WEBP_CHUNK: Final = b"XMP "
_APP1 = b"\xe1"
PARTS: Final = (b"iTXt", _APP1, WEBP_CHUNK)
"""The parts of a file that may hold a packet."""
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DEEPEST = 100
_END = re.compile(rb"</rdf:RDF\s*>")
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
"""What readers look for that do not know the file's format."""
_FOOT = '</x:xmpmeta>\n<?xpacket end="w"?>'


def packet_of(part: Part, file: BinaryIO) -> bytes | None:
    """The packet that a part of an image file holds; None for another part, and for one that is too large."""
    if part.size > LARGEST or part.name not in PARTS:
        return None
    content = part.read(file, LARGEST)
    if part.name == WEBP_CHUNK:
        return content
    if part.name == _APP1:
        return content[len(JPEG_HEAD) :] if content.startswith(JPEG_HEAD) else None
    text = png_text.read(part.name, content) if png_text.keyword(content) == PNG_KEYWORD else None
    return None if text is None else text.encode()


def read(packet: bytes) -> dict[str, str] | None:
    """The plain properties of a packet, the first of each name; None for what is not XML, or is refused."""
    reader = _Reader()
    try:
        reader.read(packet.strip(b"\0"))
    except (expat.ExpatError, ValueError, LookupError):
        return None
    return reader.properties


def written(properties: Mapping[str, str], prefixes: Mapping[str, str]) -> bytes:
    """A packet of plain properties. `prefixes` gives a short name for each of their namespaces."""
    return (
        f'{_HEAD}<rdf:RDF xmlns:rdf="{_RDF}">{_description(properties, prefixes)}</rdf:RDF>{_FOOT}'.encode()
    )


def added(packet: bytes, properties: Mapping[str, str], prefixes: Mapping[str, str]) -> bytes | None:
    """A packet with further properties, all else as it was, and none that it has already; None where it
    cannot be told where they would go."""
    known = read(packet)
    ends = list(_END.finditer(packet))
    if known is None or len(ends) != 1:
        return None
    new = {name: value for name, value in properties.items() if name not in known}
    at = ends[0].start()
    result = packet[:at] + _description(new, prefixes).encode() + packet[at:]
    return result if read(result) == known | new else None


def _description(properties: Mapping[str, str], prefixes: Mapping[str, str]) -> str:
    spaces = "".join(f' xmlns:{prefix}="{space}"' for space, prefix in prefixes.items())
    elements = []
    for name, value in properties.items():
        space = next(space for space in prefixes if name.startswith(space))
        tag = f"{prefixes[space]}:{name.removeprefix(space)}"
        # A reader would take a carriage return for a line end.
        text = escape(value, quote=False).replace("\r", "&#13;")
        elements.append(f"<{tag}>{text}</{tag}>")
    return f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about=""{spaces}>{"".join(elements)}</rdf:Description>'


class _Reader:
    """Collects attributes of descriptions, and the text of elements directly inside them."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._open: list[str] = []
        self._text: list[str] = []

    def read(self, packet: bytes) -> None:
        """Raises `ValueError` or `ExpatError`."""
        parser = expat.ParserCreate(namespace_separator="")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(packet, True)

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > _DEEPEST:
            raise ValueError("too deep")
        if name == f"{_RDF}Description":
            for attribute, value in attributes.items():
                if not attribute.startswith(_RDF):
                    self.properties.setdefault(attribute, value)
        self._text.clear()

    def _end(self, name: str) -> None:
        self._open.pop()
        text = "".join(self._text)
        if self._open[-1:] == [f"{_RDF}Description"] and text:
            self.properties.setdefault(name, text)
        self._text.clear()
