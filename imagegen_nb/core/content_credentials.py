"""Whether an image file has content credentials (C2PA): found where the standard puts them, not verified.

They are a manifest that binds the file's bytes: a chunk `caBX` of a PNG, JUMBF in the APP11 segments of a
JPEG, a chunk `C2PA` of a WebP, or elsewhere, at an address that the file's XMP names. Whatever is added to
such a file makes it read as tampered with.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from imagegen_nb.core import xmp
from imagegen_nb.core.image_file_parts import parts

STATE: Final = "present, not verified"
PRESENT: Final = f"content credentials: {STATE}"
_CHUNKS = (b"caBX", b"C2PA")
_APP11 = b"\xeb"
_JUMBF = b"JP"
_MANIFEST_STORE = b"c2pa"
"""How the type of the box begins that holds the manifests."""
_MOST_PACKETS = 50
"""Parts in which XMP is looked for: each may have to be inflated and parsed."""
_TYPE_AT = (24, 32)
"""Where a segment has its box's type; the second for a box whose length needs eight bytes."""
_ADDRESS = f"{xmp.DUBLIN_CORE_TERMS}provenance"


def are_in(file: BinaryIO) -> bool:
    """Whether a PNG, JPEG or WebP has them; false for other files. Only what may be one is read."""
    packets = 0
    for part in parts(file):
        if part.name in _CHUNKS:
            return True
        if part.name == _APP11 and is_manifest(part.read(file, _TYPE_AT[-1] + len(_MANIFEST_STORE))):
            return True
        if part.name in xmp.PARTS and packets < _MOST_PACKETS:
            packets += 1
            packet = xmp.packet_of(part, file)
            if packet is not None and _names_manifest(packet):
                return True
    return False


def is_manifest(segment: bytes) -> bool:
    """Whether the content of an APP11 segment is the beginning of a manifest store."""
    return segment.startswith(_JUMBF) and any(
        segment[at : at + len(_MANIFEST_STORE)] == _MANIFEST_STORE for at in _TYPE_AT
    )


def _names_manifest(packet: bytes) -> bool:
    """Whether XMP tells where the manifest is; also XMP that cannot be read, if it looks as if it did."""
    properties = xmp.read(packet)
    return b"dcterms:provenance" in packet if properties is None else bool(properties.get(_ADDRESS))
