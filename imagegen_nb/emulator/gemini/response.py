"""Google's ``GenerateContentResponse``: successes, and blocked requests, which come with HTTP 200 too."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.gemini.errors import MEDIA_TYPE
from imagegen_nb.emulator.responses import CREATED_AT, EmulatedResponse, EncodedImage, json_response
from imagegen_nb.emulator.token_usage import text_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.gemini.request import GeminiRequest

_PREAMBLE: Final = "Here you go! "
_THOUGHTS: Final = 153
"""Tokens of thoughts before an image; recorded ones are between 46 and 1,189."""
_TEXT_ONLY: Final = "(EMULATED) This answer has words and no picture."


def success(request: GeminiRequest, images: Sequence[EncodedImage]) -> EmulatedResponse:
    """The image, after a line of text when text was asked for too; only text without IMAGE."""
    text = (_PREAMBLE if images else _TEXT_ONLY) if "TEXT" in request.modalities else ""
    parts: list[dict[str, Any]] = [{"text": text}] if text else []
    parts += [{"inlineData": {"data": image.base64, "mimeType": image.drawing.mime_type}} for image in images]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
    return _response(request, [candidate], text, len(images))


def text_only(request: GeminiRequest) -> EmulatedResponse:
    """STOP, text, no picture: the model talked instead of drawing."""
    candidate = {"content": {"parts": [{"text": _TEXT_ONLY}], "role": "model"}, "finishReason": "STOP"}
    return _response(request, [candidate], _TEXT_ONLY, 0)


def finished(request: GeminiRequest, reason: str, message: str = "") -> EmulatedResponse:
    """A candidate without content, for a finish reason such as IMAGE_SAFETY or NO_IMAGE."""
    candidate: dict[str, Any] = {"finishReason": reason}
    if message:
        candidate["finishMessage"] = message
    return _response(request, [candidate], "", 0)


def moderated(request: GeminiRequest, fault: Fault) -> EmulatedResponse:
    """Blocked, with HTTP 200: the finished image, or (variant `prompt`) the prompt itself."""
    if fault.variant_or_default() == "prompt":
        feedback = {"blockReason": fault.code or "PROHIBITED_CONTENT"}
        return _response(request, None, "", 0, {"promptFeedback": feedback})
    message = fault.message or "Unable to show the generated image: it was blocked by the safety filter."
    return finished(request, fault.code or "IMAGE_SAFETY", message)


def empty_success(request: GeminiRequest, variant: str) -> EmulatedResponse:
    """A 200 without images: `candidates` missing, an empty list, or one empty candidate."""
    candidates: dict[str, list[dict[str, Any]] | None] = {"null": None, "list": [], "object": [{}]}
    return _response(request, candidates[variant], "", 0)


def _response(
    request: GeminiRequest,
    candidates: list[dict[str, Any]] | None,
    text: str,
    images: int,
    extra: dict[str, Any] | None = None,
) -> EmulatedResponse:
    body: dict[str, Any] = {}
    if candidates is not None:
        body["candidates"] = candidates
    if request.vertex:
        body["createTime"] = datetime.fromtimestamp(CREATED_AT, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        for index, candidate in enumerate(candidates or []):
            if candidate:  # Vertex AI leaves the first index out
                candidate["index"] = index
    body |= extra or {}
    body["modelVersion"] = request.model
    body["responseId"] = f"emulated-{_digest(request)}"
    body["usageMetadata"] = _usage(request, text, images)
    return json_response(body, media_type=MEDIA_TYPE)


def _digest(request: GeminiRequest) -> str:
    identity = f"{request.model}\x00{request.call_number}\x00{request.prompt}"
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _usage(request: GeminiRequest, text: str, images: int) -> dict[str, Any]:
    text_output = text_tokens(text) if text else 0
    image_output = images * request.served_model.tokens[request.image_size]
    inputs = {
        "TEXT": text_tokens(request.prompt),
        "IMAGE": request.references * request.served_model.input_tokens,
    }
    prompt, output = sum(inputs.values()), text_output + image_output
    thoughts = _THOUGHTS if images and request.served_model.thinks else 0
    usage: dict[str, Any] = {"promptTokenCount": prompt, "totalTokenCount": prompt + output + thoughts}
    usage["promptTokensDetails"] = _details(inputs)
    if output:
        usage["candidatesTokenCount"] = output
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    # As recorded: the Developer API itemises images alone, Vertex AI text as well.
    itemised = {"TEXT": text_output if request.vertex else 0, "IMAGE": image_output}
    if any(itemised.values()):
        usage["candidatesTokensDetails"] = _details(itemised)
    if request.vertex:
        usage["trafficType"] = "ON_DEMAND"
    return usage


def _details(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]
