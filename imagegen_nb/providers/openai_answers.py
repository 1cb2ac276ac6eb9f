"""Questions about a picture in the form of OpenAI's Responses API: the body, and what an answer holds.

Facts: developers.openai.com, guides "Images and vision" and "Structured outputs", and the types of its SDK
3.52 (`types/responses`: `ResponseInputImageParam`, `ResponseFormatTextJSONSchemaConfigParam`,
`ResponseOutputRefusal`, `ResponseUsage`), read 2026-11-27. Its usage does not tell image tokens from others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from imagegen_nb.core.types import ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.http.answers import answer_of
from imagegen_nb.providers.http.decoding import data_url
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    mapping,
    safe_name,
    usage_of,
    whole_number,
)


def body(request: VisionRequest) -> dict[str, Any]:
    """What is asked. Nothing is kept at OpenAI (`store`), and the picture is seen in full detail."""
    picture = {
        "type": "input_image",
        "image_url": data_url(request.image, request.media_type),
        "detail": "high",
    }
    answer = {"type": "json_schema", "name": "answer", "strict": True, "schema": dict(request.schema)}
    return {
        "model": request.model,
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": request.question}, picture]},
        ],
        "text": {"format": answer},
        "max_output_tokens": request.most_tokens,
        "store": False,
    }


def read(
    request: VisionRequest,
    response: ProviderResponse,
    reported_error: Callable[[Mapping[str, Any]], ProviderError],
) -> VisionAnswer:
    """What a success holds. Raises the error that it reports instead, which `reported_error` makes."""
    answer = response.json()
    details = mapping(answer.get("error"))
    if details:
        raise reported_error(details)
    texts, refusals = list[str](), list[object]()
    for item in _list(answer.get("output")):
        for part in _list(mapping(item).get("content")):
            part = mapping(part)
            if part.get("type") == "refusal":
                refusals.append(part.get("refusal") or True)
            elif isinstance(part.get("text"), str) and part.get("type") == "output_text":
                texts.append(part["text"])
    reason = mapping(answer.get("incomplete_details")).get("reason")
    return answer_of(
        "".join(texts),
        request,
        response,
        _metadata(answer, response, request.model),
        refused=refusals[0] if refusals else reason == "content_filter",
        cut_off=reason == "max_output_tokens",
        ended=reason or answer.get("status"),
    )


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    """Usage by what is billed alike: thoughts are among the output tokens, a picture's among the input's."""
    usage = mapping(answer.get("usage"))
    came, went = whole_number(usage.get("input_tokens")), whole_number(usage.get("output_tokens"))
    image = whole_number(mapping(usage.get("input_tokens_details")).get("image_tokens"))  # of gateways
    thoughts = whole_number(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")) or 0
    return ResponseMetadata(
        usage=usage_of(
            input_tokens=_split(came, "image", image, "text"),
            output_tokens=_split(went, "thoughts", thoughts or None, "text"),
            total=whole_number(usage.get("total_tokens")),
        ),
        request_id=response.request_id,
        answered_by=safe_name(answer.get("model")) or model,
        reported=usage,
    )


def _split(total: int | None, part: str, count: int | None, rest: str) -> dict[str, int]:
    """`total` as the `count` of a part, where it is told, and the rest."""
    if total is None:
        return {}
    return {rest: total} if count is None else {part: count, rest: max(total - count, 0)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
