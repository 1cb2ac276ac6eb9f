"""OpenAI's successes: the JSON body, or the events of a stream; and the headers of every response."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.openai.errors import error_body
from imagegen_nb.emulator.openai.models import MODELS, PARTIAL_IMAGE_TOKENS, image_tokens
from imagegen_nb.emulator.responses import CREATED_AT, EmulatedResponse, EncodedImage, json_response
from imagegen_nb.emulator.token_usage import text_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.openai.request import OpenAIRequest

_EVENT_STREAM: Final = "text/event-stream; charset=utf-8"


def usage(request: OpenAIRequest, images: int, *, prompt: bool = True) -> dict[str, Any]:
    """Tokens of `images` images and their partial ones; without `prompt`, none for the text."""
    per_image = image_tokens(MODELS[request.model], request.quality, request.width, request.height)
    output = images * (per_image + request.partial_images * PARTIAL_IMAGE_TOKENS)
    prompt_tokens = text_tokens(request.prompt) if prompt else 0
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt_tokens},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": prompt_tokens + output,
    }


def success(request: OpenAIRequest, images: Sequence[EncodedImage]) -> EmulatedResponse:
    """All images in one body; `usage` covers the whole request."""
    return json_response(
        {
            "created": CREATED_AT,
            "background": request.background,
            "data": [{"b64_json": image.base64} for image in images],
            "output_format": request.output_format,
            "quality": request.quality,
            "size": request.size,
            "usage": usage(request, len(images)),
        }
    )


def empty_success(request: OpenAIRequest, variant: str) -> EmulatedResponse:
    """A 200 without images: `data` is null, an empty list, or holds one empty object."""
    data: Any = {"null": None, "list": [], "object": [{}]}[variant]
    return json_response({"created": CREATED_AT, "data": data, "usage": usage(request, request.n)})


def stream(
    request: OpenAIRequest,
    images: Sequence[EncodedImage],
    partial_images: Sequence[Sequence[EncodedImage]],
) -> EmulatedResponse:
    """Server-sent events: per image its partial ones, then the finished one with that image's own usage.

    The provider gives no image index when n > 1; neither does this. The prompt's tokens stand in the first
    finished event only, so that the events of a request add up.
    """
    frames: list[bytes] = []
    for number, image in enumerate(images):
        stages = partial_images[number] if number < len(partial_images) else ()
        frames += [partial_frame(request, partial, stage) for stage, partial in enumerate(stages)]
        spent = usage(request, 1, prompt=number == 0)
        del spent["output_tokens_details"]  # the streamed usage has none
        frames.append(_frame("image_generation.completed", {**_common(request, image), "usage": spent}))
    return EmulatedResponse(tuple(frames), media_type=_EVENT_STREAM)


def partial_frame(request: OpenAIRequest, image: EncodedImage, stage: int) -> bytes:
    """One unfinished image as an event; `stage` counts from 0."""
    return _frame("image_generation.partial_image", {**_common(request, image), "partial_image_index": stage})


def error_frame(fault: Fault) -> bytes:
    """An error in the middle of a stream."""
    message = fault.message or "The server had an error while generating the image."
    body = error_body(message, "server_error", fault.code or "server_error", fault.param)
    return _frame("error", {"type": "error", **body})


def _common(request: OpenAIRequest, image: EncodedImage) -> dict[str, Any]:
    return {
        "b64_json": image.base64,
        "created_at": CREATED_AT,
        "size": request.size,
        "quality": request.quality,
        "background": request.background,
        "output_format": request.output_format,
    }


def _frame(event: str, data: dict[str, Any]) -> bytes:
    text = json.dumps({"type": event, **data}, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n".encode()


def response_headers(elapsed: float) -> dict[str, str]:
    """What OpenAI adds to every response; `elapsed` in seconds."""
    return {
        "x-request-id": f"req_emulated_{uuid.uuid4().hex}",
        "openai-processing-ms": str(round(elapsed * 1000)),
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "250",
        "x-ratelimit-remaining-requests": "249",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "250000",
        "x-ratelimit-remaining-tokens": "249000",
        "x-ratelimit-reset-tokens": "6m0s",
    }
