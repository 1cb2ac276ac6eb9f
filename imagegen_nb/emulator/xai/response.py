"""xAI's successes, and the headers of every response."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from imagegen_nb.emulator.responses import EmulatedResponse, EncodedImage, json_response
from imagegen_nb.emulator.xai.models import MODELS, REDIRECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.xai.request import XaiRequest


def success(request: XaiRequest, images: Sequence[EncodedImage], urls: Sequence[str]) -> EmulatedResponse:
    """Images as base64, or as `urls` when asked for; no `created`, and money instead of tokens."""
    key, values = ("url", list(urls)) if request.as_url else ("b64_json", [image.base64 for image in images])
    data = [{key: value, "mime_type": "image/jpeg"} for value in values]
    return _body(request, data, sum(1 for image in images if image.base64))


def empty_success(request: XaiRequest, variant: str) -> EmulatedResponse:
    """A 200 without images: `data` is null, an empty list, or holds one empty object."""
    data: Any = {"null": None, "list": [], "object": [{}]}[variant]
    return _body(request, data, 0)


def _body(request: XaiRequest, data: Any, billed_images: int) -> EmulatedResponse:
    body: dict[str, Any] = {"data": data, "usage": {"cost_in_usd_ticks": request.ticks(billed_images)}}
    if MODELS[request.model] is REDIRECTED:
        body["model"] = REDIRECTED.served_by
    return json_response(body)


def response_headers(elapsed: float) -> dict[str, str]:
    """What xAI adds to every response; `elapsed` in seconds."""
    return {
        "x-request-id": f"req_emulated_{uuid.uuid4().hex}",
        "x-metrics-e2e-ms": str(round(elapsed * 1000)),
    }
