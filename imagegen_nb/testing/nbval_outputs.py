"""What of a cell's outputs is compared: pictures by their pixels, text without what no two runs share."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from io import BytesIO
from typing import Any

_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_ERRORS = ("RecordingMissing: ", "ReplayError: ")

SANITIZE = {
    # The bytes of a thumbnail depend on who encodes it; what it shows comes out of the cassette.
    r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]+": "DATA-URL",
    r"file://[^\s'\"<>)\]]*/": "FILE-URL/",
    r"(?:/private)?/(?:tmp|var/folders)/[^\s'\"<>)\],:]+": "TEMPORARY",
    r"(?m)(?:(?<=[\s'\"(\[=])|^)/(?:[^/\s'\"<>]+/)+": "FOLDER/",
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b": "ID",
    r"\b0x[0-9a-fA-F]{6,}\b": "ADDRESS",
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?Z\b| ?[+-]\d\d:?\d\d\b)?": "TIME",
    r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b": "TIME",
    r"(?m)^(?:CPU times|Wall time): .*$": "DURATION",
    r"\b\d+\.\d+ ?(?:s|sec|secs|seconds)\b": "DURATION",
    r"\b\d+(?:\.\d+)? ?(?:ns|[µμu]s|ms)\b": "DURATION",
    r"\b(127\.0\.0\.1|localhost|\[::1\]):\d+": r"\1:PORT",
}
"""What nbval replaces before it compares, as it reads from a file of `--nbval-sanitize-with`."""


def compared(skipped: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of output that are not compared, given those that nbval skips: pictures are."""
    return (*(kind for kind in skipped if kind not in _PICTURES), "stderr")


def comparable(output: Any) -> None:
    """Put in the place of each picture what it is, and of a replay's error its message without the trace."""
    data = output.get("data", {})
    for kind in [kind for kind in _PICTURES if kind in data]:
        if kind != "image/png" and "image/png" in data:
            del data[kind]  # IPython's lossy twin: it shows nothing more, and its bytes depend on the encoder
        else:
            data[kind] = _told(kind, data[kind])
    if replay_failed(told := f"{output.get('ename')}: {output.get('evalue')}"):
        output["traceback"] = [told]


def replay_failed(told: str) -> bool:
    """Whether an error, as `comparable` tells it, is that of a replay and not of the notebook."""
    return told.lstrip().startswith(_ERRORS)


def _told(kind: str, picture: Any) -> str:
    try:
        encoded = b64decode("".join(picture).replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return str(picture)
    size, content = _pixels(encoded) if kind == "image/png" else ("", b"")
    return f"{kind} {size}sha256 {hashlib.sha256(content or encoded).hexdigest()[:32]}"


def _pixels(encoded: bytes) -> tuple[str, bytes]:
    """A PNG's size in words and its content; the same pixels are packed differently elsewhere."""
    from PIL import Image

    try:
        with Image.open(BytesIO(encoded), formats=["PNG"]) as picture:
            pixels = picture.tobytes()
            facts = (picture.mode, picture.size, picture.getpalette(), picture.info.get("transparency"))
            return f"{picture.width}x{picture.height} ", repr(facts).encode() + pixels
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", b""
