"""Turns bytes somebody sent into an image one may trust, and images into thumbnails.

Nothing is believed: the format is read off the first bytes, size and pixels are bounded before
decoding, and the whole picture is decoded once. Bytes that need no change are kept as they came. Sizes and
pixels are those of the upright picture, as it is shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagegen_nb.core import image_metadata, png_proof
from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.errors import ImageRejected

if TYPE_CHECKING:
    from PIL import Image as PILImage

MOST_PIXELS = 17_200_000
"""Pixels of one image, a little more than the largest any provider here makes (6336 x 2688): decoding one
stays below 300 MB, of which WebP takes four times its pixels."""
LARGEST_FILE = 4 * MOST_PIXELS + 8 * 1024 * 1024
"""Bytes of one image file: that many pixels in four channels, uncompressed, and what stands beside them."""
_MOST_SCANNED = 12 * MOST_PIXELS
"""Pixels of a JPEG times its scans: a small file may go over the picture ten thousand times."""
_SMALL_STEPS = ((256, (75, 50, 30)), (160, (40,)), (96, (40,)), (48, (40,)))

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""The accepted MIME types and the file name ending of each."""

_SCAN = b"\xff\xda"
_PNG_END = b"IEND\xaeB`\x82"
_PILLOW_NAMES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class ThumbnailSize:
    """How large a thumbnail is: at most `largest` bytes, and the `steps` that are tried for it.

    A step is the longer edge in pixels and WebP qualities, from what is wanted to what always fits. WebP's
    `method` trades time for bytes. `name` is part of file names: change it with what it stands for.
    """

    name: str
    largest: int
    steps: tuple[tuple[int, tuple[int, ...]], ...]
    method: int = 4


STATIC = ThumbnailSize("static-1", 5_000, _SMALL_STEPS)
"""For a saved notebook: with twenty of them it is still a small file."""
LIVE = ThumbnailSize("live-1", 20_000, ((512, (75, 60, 45)), (384, (60, 45)), *_SMALL_STEPS), method=2)
"""For a page beside a kernel: sharp on screens with two pixels for one, a dozen of them in 240 kB."""


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An acceptable image that is proven to be whole. `width` and `height` are pixels as it is shown,
    `media_type` is read off the bytes; `note` says what differs from what was declared or asked, or is empty.
    `lost` names what the file said beside its pixels that did not come along into another format. `file` is a
    temporary file with the same bytes, for a store to take."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    has_alpha: bool
    note: str = ""
    lost: tuple[str, ...] = ()
    file: ReceivedFile | None = field(default=None, repr=False, compare=False)


def sniff(data: bytes | ReceivedFile) -> str | None:
    """The MIME type read off the first bytes: PNG, JPEG or WebP, else None."""
    if isinstance(data, ReceivedFile):
        data = data.head
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def check(
    data: bytes | ReceivedFile, *, declared: str | None = None, store_as: str | None = None
) -> CheckedImage:
    """Prove that `data` is a whole image and say what it is; with `store_as` transcode it to that MIME type.

    Raises `ImageRejected` for anything that is not a whole PNG, JPEG or WebP within the bounds.
    """
    file = data if isinstance(data, ReceivedFile) else None
    head, size = (data.head, data.size) if isinstance(data, ReceivedFile) else (data, len(data))
    media_type = sniff(head)
    if media_type is None:
        raise ImageRejected(f"not a PNG, JPEG or WebP image ({_describe(head, size)})")
    if size > LARGEST_FILE:
        raise ImageRejected(f"the image file has {size:,} bytes; at most {LARGEST_FILE:,} are accepted")
    data = data.read() if isinstance(data, ReceivedFile) else data
    note = ""
    if declared in EXTENSIONS and declared != media_type:
        note = f"declared {declared}, the bytes are {media_type}"
    other_type = store_as if store_as != media_type else None
    picture = _decode(data, media_type, needs_pixels=bool(other_type))
    has_alpha = picture.has_transparency_data
    width, height = image_metadata.upright_size(picture)
    lost: tuple[str, ...] = ()
    if other_type:
        lost = image_metadata.lost(picture, data)
        data = _encode(image_metadata.upright(picture), other_type)
        media_type, file = other_type, None
    return CheckedImage(data, media_type, width, height, has_alpha, note, lost, file)


def decode(data: bytes) -> PILImage.Image:
    """A loaded, upright Pillow image of checked bytes; raises `ImageRejected` as `check` does."""
    media_type = sniff(data)
    if media_type is None:
        raise ImageRejected(f"not a PNG, JPEG or WebP image ({_describe(data, len(data))})")
    return image_metadata.upright(_decode(data, media_type))


def shows_what_is_behind(data: bytes) -> bool:
    """Whether a pixel of a checked picture is not opaque. Raises `ImageRejected` as `check` does."""
    picture = decode(data)
    if not picture.has_transparency_data:
        return False
    least = picture.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(least, int | float) and least < 255


def thumbnail(data: bytes, size: ThumbnailSize = STATIC) -> bytes:
    """A small WebP of `data`. Raises `ImageRejected` as `check` does."""
    from PIL import Image

    picture = image_metadata.to_srgb(decode(data))
    small = b""
    for edge, qualities in size.steps:
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
        for quality in qualities:
            buffer = io.BytesIO()
            picture.save(buffer, "WEBP", quality=quality, method=size.method)
            small = buffer.getvalue()
            if len(small) <= size.largest:
                return small
            if len(small) > 2 * size.largest:
                break  # no quality makes up for so many bytes
    return small


def _decode(data: bytes, media_type: str, *, needs_pixels: bool = True) -> PILImage.Image:
    """The picture as its pixels stand in the file. What is damaged beside them does not fail it.

    Where nobody needs them, they may stay there: of most PNGs it can be told that they would decode.
    """
    try:
        return _decode_strictly(data, media_type, needs_pixels)
    except ImageRejected:
        if (less := image_metadata.without_metadata(data)) is None:
            raise
    return _decode_strictly(less, media_type, needs_pixels)


def _decode_strictly(data: bytes, media_type: str, needs_pixels: bool) -> PILImage.Image:
    name = _PILLOW_NAMES[media_type]
    opener = _opener(media_type)  # loads modules: where that fails, it is not for the image's sake
    try:
        picture = opener(io.BytesIO(data))
        pixels = picture.width * picture.height
        scanned = pixels * data.count(_SCAN) if media_type == "image/jpeg" else 0
        is_small_enough = pixels <= MOST_PIXELS and scanned <= _MOST_SCANNED
        if is_small_enough and (needs_pixels or not png_proof.is_whole(data)):
            picture.load()
    # Pillow's decoders raise many types on hostile bytes (SyntaxError, struct.error, MemoryError, …).
    except Exception as error:  # noqa: BLE001
        reason = type(error).__name__
    else:
        if pixels > MOST_PIXELS:
            raise ImageRejected(f"the image has {pixels:,} pixels; at most {MOST_PIXELS:,} are accepted")
        if scanned > _MOST_SCANNED:
            raise ImageRejected(f"the image has {data.count(_SCAN):,} scans, far more than its size needs")
        if media_type != "image/png" or _PNG_END in data:
            return picture
        reason = "its end is missing"
    # Raised outside the handler, so that the decoder's exception is not kept as context.
    raise ImageRejected(f"damaged or incomplete {name} data ({reason})")


def _opener(media_type: str) -> Callable[[io.BytesIO], PILImage.Image]:
    """The one decoder for a type: no guessing, and our own bound on pixels instead of a global one."""
    from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    return {
        "image/png": PngImagePlugin.PngImageFile,
        "image/jpeg": JpegImagePlugin.JpegImageFile,
        "image/webp": WebPImagePlugin.WebPImageFile,
    }[media_type]


def _encode(picture: PILImage.Image, media_type: str) -> bytes:
    buffer, name = io.BytesIO(), _PILLOW_NAMES[media_type]
    if picture.mode == "CMYK" or picture.mode.startswith("I"):  # which the other formats do not have
        picture = image_metadata.to_srgb(picture)
    if media_type == "image/jpeg" and picture.mode not in ("L", "RGB"):
        picture = _on_white(picture)
    # Level 1 takes a fifth of the default level's time for about 18 % more bytes.
    options = {"compress_level": 1} if name == "PNG" else {}
    picture.save(buffer, name, **options, **image_metadata.carried_over(picture, name))
    return buffer.getvalue()


def _on_white(picture: PILImage.Image) -> PILImage.Image:
    """Without transparency, which JPEG cannot hold."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    composed = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    composed.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return composed


def _describe(data: bytes, size: int) -> str:
    """What rejected bytes look like, in words; never the bytes themselves."""
    head = data[:256].lstrip().lower()
    if not data:
        return "it is empty"
    if head.startswith((b"<!doctype html", b"<html")):
        return "it looks like an HTML page"
    if head.startswith((b"<svg", b"<?xml")):
        return "it looks like SVG or XML"
    if head.startswith(b"gif8"):
        return "it looks like a GIF"
    if head.startswith((b"{", b"[")):
        return "it looks like JSON"
    return f"{size:,} bytes of something else"
