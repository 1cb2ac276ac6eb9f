"""Google's successes, and the blocks that are successes by status: ``GenerateContentResponse`` bodies."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.gemini.errors import MEDIA_TYPE
from imagegen_nb.emulator.responses import MADE_AT, Answer, Item, json_answer
from imagegen_nb.emulator.tokens import text_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.gemini.request import GeminiPlan

PREAMBLE: Final = "Here you go! "
TEXT_ONLY: Final = "(EMULATED) This answer has words and no picture."


def success(plan: GeminiPlan, items: Sequence[Item]) -> Answer:
    """The picture, after a line of text when text was asked for too; only text without IMAGE."""
    words = (PREAMBLE if items else TEXT_ONLY) if "TEXT" in plan.modalities else ""
    parts: list[dict[str, Any]] = [{"text": words}] if words else []
    parts += [{"inlineData": {"data": item.data, "mimeType": item.drawing.mime_type}} for item in items]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
    return _answer(plan, [candidate], words, len(items))


def text_only(plan: GeminiPlan) -> Answer:
    """STOP, words, no picture: the model talked instead of drawing."""
    candidate = {"content": {"parts": [{"text": TEXT_ONLY}], "role": "model"}, "finishReason": "STOP"}
    return _answer(plan, [candidate], TEXT_ONLY, 0)


def finished(plan: GeminiPlan, reason: str, message: str = "") -> Answer:
    """A candidate without content, for a finish reason such as IMAGE_SAFETY or NO_IMAGE."""
    candidate: dict[str, Any] = {"finishReason": reason}
    if message:
        candidate["finishMessage"] = message
    return _answer(plan, [candidate], "", 0)


def moderated(plan: GeminiPlan, fault: Fault) -> Answer:
    """Blocked, with HTTP 200: the finished picture, or (variant `prompt`) the prompt itself."""
    if fault.shape == "prompt":
        feedback = {"blockReason": fault.code or "PROHIBITED_CONTENT"}
        return _answer(plan, None, "", 0, {"promptFeedback": feedback})
    message = fault.message or "Unable to show the generated image: it was blocked by the safety filter."
    return finished(plan, fault.code or "IMAGE_SAFETY", message)


def hollow(plan: GeminiPlan, shape: str) -> Answer:
    """A 200 without pictures: `candidates` missing, an empty list, or one empty candidate."""
    shapes: dict[str, list[dict[str, Any]] | None] = {"null": None, "list": [], "object": [{}]}
    return _answer(plan, shapes[shape], "", 0)


def _answer(
    plan: GeminiPlan,
    candidates: list[dict[str, Any]] | None,
    words: str,
    images: int,
    extra: dict[str, Any] | None = None,
) -> Answer:
    body: dict[str, Any] = {}
    if candidates is not None:
        body["candidates"] = candidates
    if plan.vertex:
        body["createTime"] = datetime.fromtimestamp(MADE_AT, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        for at, candidate in enumerate(candidates or []):
            if candidate:  # Vertex AI leaves the first index out
                candidate["index"] = at
    body |= extra or {}
    body["modelVersion"] = plan.model
    body["responseId"] = f"emulated-{_digest(plan)}"
    body["usageMetadata"] = _usage(plan, words, images)
    return Answer(json_answer(body).frames, media_type=MEDIA_TYPE)


def _digest(plan: GeminiPlan) -> str:
    asked = f"{plan.model}\x00{plan.number}\x00{plan.prompt}"
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _usage(plan: GeminiPlan, words: str, images: int) -> dict[str, Any]:
    spoken = text_tokens(words) if words else 0
    drawn = images * plan.served.tokens[plan.image_size]
    asked = {"TEXT": text_tokens(plan.prompt), "IMAGE": plan.references * plan.served.input_tokens}
    prompt, answered = sum(asked.values()), spoken + drawn
    usage: dict[str, Any] = {"promptTokenCount": prompt, "totalTokenCount": prompt + answered}
    usage["promptTokensDetails"] = _details(asked)
    if answered:
        usage["candidatesTokenCount"] = answered
    # The Developer API itemises only answers with pictures; Vertex AI itemises every one.
    if drawn or (plan.vertex and answered):
        usage["candidatesTokensDetails"] = _details({"TEXT": spoken, "IMAGE": drawn})
    if plan.vertex:
        usage["trafficType"] = "ON_DEMAND"
    return usage


def _details(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]
