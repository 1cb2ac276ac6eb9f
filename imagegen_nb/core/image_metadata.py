"""What an image file says beside its pixels: which way is up, what its colours mean, who made it.

A picture that is decoded or stored in another format must look as it did, so this is applied or carried over;
what cannot be is named. None of it may fail a picture: an unreadable part counts as absent.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagegen_nb.core import content_credentials
from imagegen_nb.core.image_file_parts import parts

if TYPE_CHECKING:
    from PIL import Image as PILImage

_ORIENTATION = 0x0112
_TURNS = (
    "FLIP_LEFT_RIGHT",
    "ROTATE_180",
    "FLIP_TOP_BOTTOM",
    "TRANSPOSE",
    "ROTATE_270",
    "TRANSVERSE",
    "ROTATE_90",
)
"""What the EXIF orientations from 2 on ask for, in Pillow's words."""
_TURNED = (5, 6, 7, 8)
"""The EXIF orientations in which width and height change places."""
_LONGEST_BLOCK = 65_000
"""Bytes of EXIF or XMP data, a little less than fits a JPEG."""
_XMP_ORIENTATION = re.compile(rb'\s?tiff:Orientation="[0-9]"|<tiff:Orientation>[0-9]</tiff:Orientation>')
_PROFILE_SPACES = {"CMYK": b"CMYK", "L": b"GRAY", "LA": b"GRAY", "1": b"GRAY", "I;16": b"GRAY"}
"""The colour space a profile must be of, by Pillow's mode; RGB for all others."""
_CREDENTIALS = "its content credentials (C2PA)"
_FURTHER_FRAMES = "its further frames"
_JPEG_METADATA = frozenset((0xFE, *range(0xE1, 0xEE), 0xEF))
"""The JPEG markers that hold none of the picture: comments and applications' data, without JFIF and Adobe."""
_PNG_METADATA = frozenset((b"eXIf", b"iCCP", b"caBX", b"tIME"))
_WEBP_METADATA = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04, b"C2PA": 0}
"""WebP's chunks that hold none of the picture, each with its flag in the header."""


def orientation(picture: PILImage.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when there is none, or none that can be read."""
    from PIL import Image

    try:
        # Of a PNG, Pillow would decode the pixels first: something might stand behind them. Where they were
        # not decoded yet, nothing does.
        found = int(Image.Image.getexif(picture).get(_ORIENTATION, 1))
    # Pillow's readers raise many types on damaged data.
    except Exception:  # noqa: BLE001
        return 1
    return found if 1 <= found <= 8 else 1


def upright_size(picture: PILImage.Image) -> tuple[int, int]:
    """Width and height as the picture is shown."""
    width, height = picture.size
    return (height, width) if orientation(picture) in _TURNED else (width, height)


def upright(picture: PILImage.Image) -> PILImage.Image:
    """The picture as it is shown, its pixels turned and its metadata no longer saying so."""
    from PIL import Image

    found = orientation(picture)
    if found == 1:
        return picture
    exif = _without_orientation(picture)
    turned = picture.transpose(Image.Transpose[_TURNS[found - 2]])
    turned.info.pop("Raw profile type exif", None)
    turned.info.pop("exif", None)
    if exif:
        turned.info["exif"] = exif
    if xmp := _xmp(picture):
        turned.info.pop("XML:com.adobe.xmp", None)
        turned.info["xmp"] = _XMP_ORIENTATION.sub(b"", xmp)
    return turned


def _without_orientation(picture: PILImage.Image) -> bytes | None:
    try:
        exif = picture.getexif()
        exif.pop(_ORIENTATION, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # noqa: BLE001 - as above
        return None


def profile(picture: PILImage.Image) -> bytes | None:
    """The ICC profile that says what the picture's colours mean; None when there is none that fits it."""
    data = picture.info.get("icc_profile")
    space = _PROFILE_SPACES.get(picture.mode, b"RGB ")
    if not isinstance(data, bytes) or data[36:40] != b"acsp" or data[16:20] != space:
        return None
    try:
        from PIL import ImageCms

        ImageCms.ImageCmsProfile(io.BytesIO(data))
    except ImportError:  # an optional part of Pillow
        return data
    except Exception:  # noqa: BLE001 - as above
        return None
    return data


def to_srgb(picture: PILImage.Image) -> PILImage.Image:
    """`picture` in RGB or RGBA, its colours as its profile means them, without the profile."""
    if picture.mode.startswith("I"):  # 16 bits: Pillow's own conversion would cut everything above 255
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")
    meant = profile(picture)
    wanted = "RGBA" if picture.has_transparency_data else "RGB"
    converted = _by_profile(picture, meant, wanted) if meant else None
    if converted is None:
        converted = picture if picture.mode == wanted else picture.convert(wanted)
    gone = ("icc_profile", "transparency")
    converted.info = {key: value for key, value in picture.info.items() if key not in gone}
    return converted


def _by_profile(picture: PILImage.Image, meant: bytes, wanted: str) -> PILImage.Image | None:
    """`picture` converted through its profile; None where that cannot be done."""
    try:
        from PIL import ImageCms

        if picture.mode not in ("L", "RGB", "RGBA", "CMYK"):
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        if (picture.mode == "RGBA") != (wanted == "RGBA") or profile(picture) is None:
            return None
        source = ImageCms.ImageCmsProfile(io.BytesIO(meant))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        converted: PILImage.Image | None = ImageCms.profileToProfile(
            picture, source, target, outputMode=wanted
        )
    # An optional part of Pillow that may be missing, and profiles it cannot read.
    except Exception:  # noqa: BLE001
        return None
    return converted


def carried_over(picture: PILImage.Image, name: str) -> dict[str, Any]:
    """What to give Pillow's `save` so that a file of the format `name` keeps the picture's metadata."""
    from PIL import PngImagePlugin

    options: dict[str, Any] = {"icc_profile": profile(picture) or b""}
    if exif := _exif(picture):
        options["exif"] = exif
    if xmp := _xmp(picture):
        if name == "PNG":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
        else:
            options["xmp"] = xmp
    return options


def lost(picture: PILImage.Image, data: bytes) -> tuple[str, ...]:
    """What of `data`, the file `picture` was read from, does not come along into another format."""
    info = picture.info
    gone = [*_lost_from_jpeg(picture)]
    if content_credentials.are_in(io.BytesIO(data)):
        gone.append(_CREDENTIALS)
    if info.get("exif") and _exif(picture) is None:
        gone.append("its EXIF data, which cannot be read")
    if _bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")) and _xmp(picture) is None:
        gone.append("its XMP data, which cannot be read")
    if info.get("icc_profile") and profile(picture) is None:
        gone.append("its colour profile, which does not fit it")
    if getattr(picture, "n_frames", 1) > 1:
        gone.append(_FURTHER_FRAMES)
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10":
        gone.append("8 of its 16 bits")
    if info.get("comment"):
        gone.append("its comment")
    return tuple(dict.fromkeys(gone))


def _lost_from_jpeg(picture: PILImage.Image) -> Iterator[str]:
    for marker, content in getattr(picture, "applist", ()):
        if marker == "APP11":
            yield _CREDENTIALS if content_credentials.is_manifest(content) else "its JUMBF data"
        elif marker == "APP13":
            yield "its IPTC data"
        elif content.startswith(b"MPF\0"):
            yield _FURTHER_FRAMES
        elif content.startswith(b"http://ns.adobe.com/xmp/extension/"):
            yield "the extension of its XMP data"


def _exif(picture: PILImage.Image) -> bytes | None:
    """The EXIF data when it can be read, in the form that all formats store."""
    data = _bytes(picture.info.get("exif")) or b""
    try:
        readable = len(picture.getexif()) > 0 and len(data) <= _LONGEST_BLOCK
    except Exception:  # noqa: BLE001 - as above
        return None
    return b"Exif\0\0" + data.removeprefix(b"Exif\0\0") if data and readable else None


def _xmp(picture: PILImage.Image) -> bytes | None:
    """The XMP data when it is text."""
    data = _bytes(picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp"))
    try:
        return data if data and len(data) <= _LONGEST_BLOCK and data.decode() else None
    except UnicodeDecodeError:
        return None


def _bytes(value: object) -> bytes | None:
    return (
        value.encode("utf-8", "replace")
        if isinstance(value, str)
        else value
        if isinstance(value, bytes)
        else None
    )


def without_metadata(data: bytes) -> bytes | None:
    """The file without the parts that hold none of the picture; None when there is nothing to take away.

    A damaged profile or EXIF block makes decoders refuse a picture that is whole.
    """
    if data.startswith(b"\xff\xd8"):
        less = _jpeg_without_metadata(data)
    elif data.startswith(b"\x89PNG"):
        kept = [raw for name, raw in _chunks(data) if name not in _PNG_METADATA]
        less = data[:8] + b"".join(kept)
    else:
        kept = [_unflagged(raw) for name, raw in _chunks(data) if name not in _WEBP_METADATA]
        body = b"WEBP" + b"".join(kept)
        less = b"RIFF" + struct.pack("<I", len(body)) + body
    return less if len(less) < len(data) else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a file, each with its name and all of its bytes."""
    return ((part.name, data[part.start : part.end]) for part in parts(io.BytesIO(data)))


def _unflagged(raw: bytes) -> bytes:
    """A WebP's chunk; its header without the flags of what was taken away."""
    if raw[:4] != b"VP8X" or len(raw) < 9:
        return raw
    return raw[:8] + bytes([raw[8] & ~sum(_WEBP_METADATA.values())]) + raw[9:]


def _jpeg_without_metadata(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    for part in parts(io.BytesIO(data)):
        at = part.end
        if part.name[0] not in _JPEG_METADATA:
            kept.append(data[part.start : part.end])
    return b"".join([*kept, data[at:]])
