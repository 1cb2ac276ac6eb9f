"""The three providers' answers with one image in them, each image different, at the cost of a few bytes.

The picture's base64 is made once. A short piece of metadata near its start carries a number, on a
boundary where base64 can be cut.
"""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

_MARK = "@image@"
_OPENAI = {
    "created": 1_790_000_000,
    "background": "opaque",
    "data": [{"b64_json": _MARK}],
    "output_format": "png",
    "quality": "high",
    "size": "1024x1024",
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 9},
        "output_tokens": 4160,
        "total_tokens": 4169,
    },
}
_XAI = {
    "data": [{"b64_json": _MARK, "mime_type": "image/jpeg", "revised_prompt": ""}],
    "usage": {"cost_in_usd_ticks": 200_000_000},
}
_GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [{"inlineData": {"mimeType": "image/png", "data": _MARK}}],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1290, "totalTokenCount": 1299},
    "modelVersion": "gemini-2.5-flash-image",
    "responseId": "bench",
}
_SHAPES: Mapping[str, object] = {"openai": _OPENAI, "xai": _XAI, "gemini": _GEMINI}
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Body:
    """An answer's body, but for the piece that numbers its image."""

    head: bytes
    tail: bytes
    media: str

    @property
    def length(self) -> int:
        """Bytes of the whole."""
        return len(self.head) + len(_numbered(self.media, 0)) + len(self.tail)

    def parts(self) -> list[bytes]:
        """The body with the next number."""
        return [self.head, _numbered(self.media, next(_numbers)), self.tail]


def body(provider: str, picture: bytes, media: str) -> Body:
    """The answer of `provider` with this picture in it."""
    before, _, after = json.dumps(_SHAPES[provider]).encode().partition(_MARK.encode())
    if media == "png":  # after the header, which ends at a multiple of three
        start, rest = picture[:33], picture[33:]
    else:
        start, rest = picture[:2] + b"\xff\xfe\x00\x0e", picture[2:]
    return Body(before + base64.b64encode(start), base64.b64encode(rest) + after, media)


def _numbered(media: str, number: int) -> bytes:
    text = b"%012d" % number
    if media == "png":
        chunk = b"tEXt" + b"n\0" + text[2:]
        return base64.b64encode(b"\0\0\0\x0c" + chunk + zlib.crc32(chunk).to_bytes(4, "big"))
    return base64.b64encode(text)
