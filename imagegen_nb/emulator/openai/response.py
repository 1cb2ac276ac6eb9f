"""OpenAI's successes: the JSON body, or the events of a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from imagegen_nb.emulator.openai.errors import error_body
from imagegen_nb.emulator.openai.request import MODELS, OpenAIPlan
from imagegen_nb.emulator.responses import MADE_AT, Answer, Item, json_answer
from imagegen_nb.emulator.tokens import PARTIAL_IMAGE_TOKENS, gpt_image_tokens, text_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault

SSE = "text/event-stream; charset=utf-8"


def usage(plan: OpenAIPlan, images: int, *, prompt: bool = True) -> dict[str, Any]:
    """Tokens of `images` pictures and their partials; without `prompt`, none for the text."""
    each = gpt_image_tokens(MODELS[plan.model], plan.quality, plan.width, plan.height)
    output = images * (each + plan.partial_images * PARTIAL_IMAGE_TOKENS)
    text = text_tokens(plan.prompt) if prompt else 0
    return {
        "input_tokens": text,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + output,
    }


def success(plan: OpenAIPlan, items: Sequence[Item]) -> Answer:
    """All pictures in one body; `usage` covers the whole request."""
    return json_answer(
        {
            "created": MADE_AT,
            "background": plan.background,
            "data": [{"b64_json": item.data} for item in items],
            "output_format": plan.output_format,
            "quality": plan.quality,
            "size": plan.size,
            "usage": usage(plan, len(items)),
        }
    )


def hollow(plan: OpenAIPlan, shape: str) -> Answer:
    """A 200 without pictures: `data` is null, an empty list, or holds one empty object."""
    data: Any = {"null": None, "list": [], "object": [{}]}[shape]
    return json_answer({"created": MADE_AT, "data": data, "usage": usage(plan, plan.n)})


def stream(plan: OpenAIPlan, items: Sequence[Item], partials: Sequence[Sequence[Item]]) -> Answer:
    """Server-sent events: per picture its partials, then the finished one with that picture's own usage.

    The provider gives no picture index when n > 1; neither does this. The prompt's tokens stand in the first
    finished event only, so that the events of a request add up.
    """
    frames: list[bytes] = []
    for number, item in enumerate(items):
        sketches = partials[number] if number < len(partials) else ()
        frames += [partial_frame(plan, sketch, at) for at, sketch in enumerate(sketches)]
        spent = usage(plan, 1, prompt=number == 0)
        del spent["output_tokens_details"]  # the streamed usage has none
        frames.append(_frame("image_generation.completed", {**_common(plan, item), "usage": spent}))
    return Answer(tuple(frames), media_type=SSE)


def partial_frame(plan: OpenAIPlan, item: Item, at: int) -> bytes:
    """One unfinished picture as an event; `at` counts from 0."""
    return _frame("image_generation.partial_image", {**_common(plan, item), "partial_image_index": at})


def error_frame(fault: Fault) -> bytes:
    """An error in the middle of a stream."""
    message = fault.message or "The server had an error while generating the image."
    body = error_body(message, "server_error", fault.code or "server_error", fault.param)
    return _frame("error", {"type": "error", **body})


def _common(plan: OpenAIPlan, item: Item) -> dict[str, Any]:
    return {
        "b64_json": item.data,
        "created_at": MADE_AT,
        "size": plan.size,
        "quality": plan.quality,
        "background": plan.background,
        "output_format": plan.output_format,
    }


def _frame(event: str, data: dict[str, Any]) -> bytes:
    text = json.dumps({"type": event, **data}, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n".encode()
