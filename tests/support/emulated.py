"""What the emulator is asked in its own tests: paths, small valid bodies, and pictures out of its answers."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

KEY = "sk-test-key-0123456789"

PATHS = {
    "openai": "/openai/v1/images/generations",
    "xai": "/xai/v1/images/generations",
    "gemini": "/gemini/v1beta/models/gemini-2.5-flash-image:generateContent",
}


def good(provider: str) -> dict[str, Any]:
    """A small valid request body."""
    match provider:
        case "openai":
            return {"model": "gpt-image-2", "prompt": "a fox"}
        case "xai":
            return {"model": "grok-imagine-image", "prompt": "a fox", "response_format": "b64_json"}
        case _:
            return {
                "contents": [{"role": "user", "parts": [{"text": "a fox"}]}],
                "generationConfig": {"responseModalities": ["IMAGE"]},
            }


def picture(data: str | bytes) -> Image.Image:
    """Decode base64 text or bytes strictly and load the picture."""
    content = base64.b64decode(data, validate=True) if isinstance(data, str) else data
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
