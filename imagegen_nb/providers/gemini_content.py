"""What Gemini's answers hold: images, the reasons why there are none, and usage.

Facts: as in `gemini`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen_nb.core.images import sniff
from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import GeneratedImage, ImageRequest, ProviderEvent, ResponseMetadata
from imagegen_nb.errors import BadRequest, ModerationBlocked, ProviderError
from imagegen_nb.providers import gemini_answers
from imagegen_nb.providers.http.response import (
    UNSPECIFIED,
    ProviderResponse,
    mapping,
    safe_name,
    usage_of,
    whole_number,
    with_remainder,
)

_BY_SAFETY = "by a safety system"
_REPEATS = "because it repeats existing material"
_BLOCKED = {
    **dict.fromkeys(("SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT"), _BY_SAFETY),
    **dict.fromkeys(("RECITATION", "IMAGE_RECITATION"), _REPEATS),
    "BLOCKLIST": "for a word on a block list",
    "SPII": "for personal data in it",
    "MODEL_ARMOR": "by Model Armor, which the project has set up",
    "JAILBREAK": "as an attempt to get around the rules",
}
"""The reasons to withhold an image that are about what it shows, and what each says."""
_UNNAMED = re.compile(r"OTHER|IMAGE_OTHER|NO_IMAGE|.*UNSPECIFIED", re.IGNORECASE)
"""Reasons that name none: no safety system is known to have had a part in them."""


def read(response: ProviderResponse, request: ImageRequest, index: int) -> list[ProviderEvent]:
    """What call number `index` brought; further images are numbered behind those of all calls."""
    answer = merged(response.documents())
    told = metadata(answer, response, request.model)
    candidates = [mapping(candidate) for candidate in listed(answer.get("candidates"))]
    parts = [part for candidate in candidates for part in _parts(candidate)]
    found = _images(parts, response)
    if not found and (draft := _last_draft(candidates, parts, response)):
        found = [draft]
        response.flaws.append("the only picture was marked as a thought")
    for error in found:
        if isinstance(error, ProviderError):
            error.request_id = told.request_id
    images = [
        GeneratedImage(index + request.count * number, *item, told.request_id)
        if isinstance(item, tuple)
        else item
        for number, item in enumerate(found)
    ]
    if not images:
        candidate = candidates[0] if candidates else {}
        images = [response.cut_short or _no_image(answer, candidate, parts, response, told.request_id)]
    return [told, *response.image_events(images, 1)]


def merged(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """One answer of the pieces of a stream: every candidate, and what else was said last."""
    merged: dict[str, Any] = {}
    for answer in answers:
        usage = {**mapping(merged.get("usageMetadata")), **mapping(answer.get("usageMetadata"))}
        merged |= answer
        if usage:
            merged["usageMetadata"] = usage
    if len(answers) > 1:
        merged["candidates"] = [each for answer in answers for each in listed(answer.get("candidates"))]
    return merged


def _images(
    parts: list[Mapping[str, Any]], response: ProviderResponse
) -> list[tuple[bytes | ReceivedFile, str | None] | ProviderError]:
    """The images among the parts of an answer, each with its declared type, or why the only one is none.

    Newer models send drafts as "thought" parts before the picture itself. Other parts can be empty, or hold a
    text as a file.
    """
    inline = [(part, mapping(part.get("inlineData") or part.get("inline_data"))) for part in parts]
    files = [file for part, file in inline if file and not part.get("thought")]
    found: list[tuple[bytes | ReceivedFile, str | None] | ProviderError] = []
    errors: list[tuple[bytes | ReceivedFile, str | None] | ProviderError] = []
    for file in files:
        declared = file.get("mimeType") or file.get("mime_type")
        declared = declared if isinstance(declared, str) else None
        data = response.image_data(file.get("data"))
        if not isinstance(data, ProviderError) and sniff(data):
            found.append((data, declared))
        else:
            errors.append(data if isinstance(data, ProviderError) else (data, declared))
    return found or errors[:1]


def _last_draft(
    candidates: list[Mapping[str, Any]], parts: list[Mapping[str, Any]], response: ProviderResponse
) -> tuple[bytes | ReceivedFile, str | None] | None:
    """The last draft of an answer without another picture, unless the picture was withheld."""
    if any(candidate.get("finishReason", "STOP") != "STOP" for candidate in candidates):
        return None
    drafts = _images([{**part, "thought": False} for part in parts], response)
    pictures = [draft for draft in drafts if isinstance(draft, tuple) and sniff(draft[0])]
    return pictures[-1] if pictures else None


def _parts(candidate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mapping(part) for part in listed(mapping(candidate.get("content")).get("parts"))]


def listed(value: object) -> list[Any]:
    """A list out of an answer; empty for anything else."""
    return value if isinstance(value, list) else []


def _no_image(
    answer: Mapping[str, Any],
    candidate: Mapping[str, Any],
    parts: list[Mapping[str, Any]],
    response: ProviderResponse,
    request_id: str | None,
) -> ProviderError:
    """Why an answer with HTTP 200 holds no image: a block, text instead, or a reason that Google keeps."""
    block = mapping(answer.get("promptFeedback")).get("blockReason")
    reason = safe_name(block or candidate.get("finishReason"))
    unnamed = reason is None or _UNNAMED.fullmatch(reason) is not None
    said = candidate.get("finishMessage") or mapping(answer.get("promptFeedback")).get("blockReasonMessage")
    words = f": {redact(said)}" if isinstance(said, str) and said else ""
    if reason in _BLOCKED or (block and not unnamed):
        what = "the prompt was blocked" if block else "the image was blocked"
        return ModerationBlocked(
            f"{what} {_BLOCKED.get(reason or '', f'for a reason that is not known here ({reason})')}{words}",
            provider=response.provider,
            status=response.status,
            code=reason,
            request_id=request_id,
            charge="none" if block else "unknown",
        )
    if block:
        return BadRequest(
            f"the prompt was refused for a reason that Google does not name ({reason}){words}. Other words, "
            "or another language, may pass",
            provider=response.provider,
            status=response.status,
            code=reason,
            request_id=request_id,
        )
    text = " ".join(str(part["text"]) for part in parts if isinstance(part.get("text"), str)).strip()
    if text:
        message = f"answered with text instead of an image: “{redact(text, limit=200)}”"
    elif reason and unnamed:
        message = f"made no image, for a reason that Google does not name ({reason}){words}"
    else:
        message = f"answered without an image (finish reason {reason or 'none given'}){words}"
    error = response.invalid(message)
    error.code, error.request_id = reason, request_id
    return error


def metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    """What an answer says of itself: tokens by modality, the model, its id."""
    usage = mapping(answer.get("usageMetadata"))
    named, request_id = answer.get("modelVersion"), answer.get("responseId")
    return ResponseMetadata(
        usage=usage_of(
            input_tokens=_input_tokens(usage),
            output_tokens=_output_tokens(usage),
            total=whole_number(usage.get("totalTokenCount")),
        ),
        request_id=response.request_id or safe_name(request_id),
        answered_by=safe_name(named) or model,
        reported=usage,
    )


def _input_tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    tools = whole_number(usage.get("toolUsePromptTokenCount"))
    return _by_modality(usage, "promptToken", "text") | ({"tool_use": tools} if tools else {})


def _output_tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """Recorded answers itemise the image alone, and count text and thoughts in the totals only."""
    thoughts = whole_number(usage.get("thoughtsTokenCount"))
    counts = _by_modality(usage, "candidatesToken", UNSPECIFIED)
    return counts | ({"thoughts": thoughts} if thoughts else {})


def _by_modality(usage: Mapping[str, Any], name: str, otherwise: str) -> dict[str, int]:
    """Tokens by modality, adding up to the count; all under `otherwise` when Google gives no details."""
    counts: dict[str, int | None] = {}
    for detail in map(mapping, listed(usage.get(f"{name}sDetails"))):
        count = whole_number(detail.get("tokenCount"))
        if count is not None:
            modality = (safe_name(detail.get("modality")) or otherwise).lower()
            counts[modality] = (counts.get(modality) or 0) + count
    return with_remainder(counts, whole_number(usage.get(f"{name}Count")), otherwise)


def answer_metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    """As of an image, but what is not itemised is text."""
    told = metadata(answer, response, model)
    came, went = dict(told.usage.input), dict(told.usage.output)
    if UNSPECIFIED in went:
        went["text"] = went.get("text", 0) + went.pop(UNSPECIFIED)
    usage = replace(told.usage, input=gemini_answers.with_image_tokens(came, told.reported), output=went)
    return replace(told, usage=usage)
