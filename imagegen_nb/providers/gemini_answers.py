"""Questions about a picture in the form of Google's `generateContent`: the body, and what an answer holds.

Facts: ai.google.dev, pages "Image understanding", "Structured outputs" and "Media resolution", and the types
of google-genai 3.4 (`GenerateContentConfig`, `FinishReason`, `BlockedReason`), read 2026-11-27.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagegen_nb.core.types import ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.providers.http.answers import answer_of
from imagegen_nb.providers.http.response import ProviderResponse, mapping, safe_name

_USUAL = "STOP"
_CUT_OFF = "MAX_TOKENS"
_REFUSED = re.compile(r"SAFETY|IMAGE_SAFETY|.*PROHIBITED_CONTENT|.*RECITATION|BLOCKLIST|SPII|MODEL_ARMOR")
"""The ends of an answer that are about what it, or the picture, shows."""


def schema(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema as the subset that `responseSchema` takes, in the order in which it is to be answered."""
    kept = {name: value for name, value in wanted.items() if name != "additionalProperties"}
    if "type" in kept:
        kept["type"] = str(kept["type"]).upper()
    if properties := mapping(kept.get("properties")):
        kept["properties"] = {name: schema(mapping(inner)) for name, inner in properties.items()}
        kept["property_ordering"] = list(properties)
    return kept


def read(
    request: VisionRequest, response: ProviderResponse, answer: Mapping[str, Any], metadata: ResponseMetadata
) -> VisionAnswer:
    """What a success holds; a block comes with HTTP 200 too."""
    candidates = answer.get("candidates")
    candidate = mapping(candidates[0]) if isinstance(candidates, list) and candidates else {}
    feedback = mapping(answer.get("promptFeedback"))
    block, ended = safe_name(feedback.get("blockReason")), safe_name(candidate.get("finishReason"))
    is_refused = block is not None or (ended is not None and _REFUSED.fullmatch(ended) is not None)
    said = feedback.get("blockReasonMessage") or candidate.get("finishMessage") or block or ended
    return answer_of(
        _text(candidate),
        request,
        response,
        metadata,
        refused=said if is_refused else None,
        cut_off=ended == _CUT_OFF,
        ended=None if ended == _USUAL else ended,
    )


def _text(candidate: Mapping[str, Any]) -> str:
    """All text of a candidate but its thoughts."""
    parts = mapping(candidate.get("content")).get("parts")
    found = [mapping(part) for part in parts] if isinstance(parts, list) else []
    return "".join(
        part["text"] for part in found if isinstance(part.get("text"), str) and not part.get("thought")
    )


def with_image_tokens(counts: dict[str, int], usage: Mapping[str, Any]) -> dict[str, int]:
    """Input tokens that say 0 for a picture where Google itemises them and names none: none came."""
    itemised = usage.get("promptTokensDetails")
    return {"image": 0, **counts} if isinstance(itemised, list) and itemised else counts
