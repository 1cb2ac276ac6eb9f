"""What the emulator is asked in its own tests: paths, small valid bodies, and the images in its responses."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from imagegen_nb.emulator import Fault, provider_names

KEY = "sk-test-key-0123456789"

PATHS = {
    "openai": "/openai/v1/images/generations",
    "xai": "/xai/v1/images/generations",
    "gemini": "/gemini/v1beta/models/gemini-2.5-flash-image:generateContent",
}

EACH_PROVIDER = pytest.mark.parametrize("provider", provider_names())


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


def generation_config(**settings: str) -> dict[str, Any]:
    """Gemini's `generationConfig` for an image of these settings."""
    return {"responseModalities": ["IMAGE"], "imageConfig": settings}


def pictures(provider: str, body: dict[str, Any]) -> list[str]:
    """The base64 texts of a response."""
    if provider != "gemini":
        return [item["b64_json"] for item in body["data"]]
    parts = [part for candidate in body["candidates"] for part in candidate["content"]["parts"]]
    return [part["inlineData"]["data"] for part in parts if "inlineData" in part]


def picture(data: str | bytes) -> Image.Image:
    """Decode base64 text or bytes strictly and load the image."""
    content = base64.b64decode(data, validate=True) if isinstance(data, str) else data
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def timeout_for(fault: Fault) -> float:
    """Seconds a client waits: short where the answer never ends, else however long a busy machine takes."""
    return 0.5 if fault.kind in ("hang", "drip", "delay") else 30.0
