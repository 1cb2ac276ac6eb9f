"""xAI's Grok image models, through its REST endpoint.

Its errors and usage are not OpenAI's, so the OpenAI SDK would lose them. Facts: docs.x.ai, guide
"Image generation", migration page "imagine-image-quality", and xAI's OpenAPI, read 2026-11-21. For questions
about pictures: guides "Image understanding" and "Structured outputs", and `ChatRequest`, `ChatResponse` and
`Usage` in the OpenAPI of xai-org/xai-sdk-ts, read 2026-11-27. They go to the chat completions, whose usage
tells image tokens from others; that of xAI's Responses API does not, so nobody could tell that no image came.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    ProviderEvent,
    ResponseMetadata,
    VisionAnswer,
    VisionRequest,
)
from imagegen_nb.errors import AuthenticationFailed, Charge, ModerationBlocked, ProviderError, QuotaExhausted
from imagegen_nb.providers.base import Batches, Connection, Provider
from imagegen_nb.providers.capabilities import Kind, Lifecycle, Model, VisionModel
from imagegen_nb.providers.http.answers import ASKED_FOR, answer_of
from imagegen_nb.providers.http.decoding import data_url
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    failure,
    image_items,
    inline_data,
    mapping,
    read_text,
    safe_name,
    tokens_by_modality,
    usage_of,
    whole_number,
)
from imagegen_nb.providers.xai_batches import XAIBatches

_SETTINGS: dict[str, Kind] = {}
_WIRE_NAMES: dict[str, str] = {}
"""What xAI calls the settings in its requests."""
_WRITTEN_TICKS = re.compile(r"[0-9]{1,19}")
"""As many digits as a number of 64 bits has."""
_BLOCKED = ("content-moderated", "content moderation", "content violates usage guidelines", "safety_check")
_OUTPUT = ("provider", "image_count")
_MIGRATION = "https://docs.x.ai/developers/migration/imagine-image-quality-nov-2"


def _grok(name: str, *, offered: bool, lifecycle: Lifecycle) -> Model:
    # The platform promises PNG for Grok, xAI sends JPEG: hence `stored_as`.
    return Model(
        name=name,
        settings=_SETTINGS,
        output_settings=_OUTPUT,
        offered=offered,
        lifecycle=lifecycle,
        stored_as="image/png",
    )


class XAI(Provider):
    """Grok image models: one request makes all images, always JPEG, without further settings."""

    name = "xai"
    label = "xAI"
    base_url = "https://api.x.ai/v1"
    key_variable = "XAI_API_KEY"
    wire_names = _WIRE_NAMES
    takes_files = True
    telemetry_name = "x_ai"
    rank = 1
    models = (
        _grok(
            "grok-imagine-image-quality",
            offered=True,
            lifecycle=Lifecycle(
                "redirected",
                "2026-11-02",
                "grok-imagine-image-2.0",
                "served by grok-imagine-image-2.0 at low quality, and billed at its rate",
                _MIGRATION,
            ),
        ),
        _grok(
            "grok-imagine-image",
            offered=True,
            lifecycle=Lifecycle(since="2026-03-02", source="https://docs.x.ai/developers/models"),
        ),
        _grok(
            "grok-imagine-image-2.0",
            offered=False,
            lifecycle=Lifecycle(since="2026-11-02", source=_MIGRATION),
        ),
    )
    vision_models = (VisionModel("grok-4.6"), VisionModel("grok-4.5"), VisionModel("grok-4.3"))

    def prepare(self) -> None:
        """The HTTP client is imported when first needed."""
        import imagegen_nb.providers.http.client  # noqa: F401

    async def generate(
        self, request: ImageRequest, connection: Connection
    ) -> AsyncGenerator[ProviderEvent, None]:
        """One request for all images; base64 is asked for, since xAI's URLs expire."""
        from imagegen_nb.providers.http.client import open_client

        body = _body(request)
        async with open_client(self.name, connection, _error, model=request.model) as client:
            response = await client.send(
                # No partial: its repr would show the header in a traceback with locals.
                lambda: client.http.post(
                    f"{connection.base_url}/images/generations",
                    json=body,
                    headers={"Authorization": f"Bearer {connection.key}"},
                )
            )
        if not response.is_success:
            answer = response.json_or_empty()
            yield _metadata(answer, response, None)
            raise _error(response, connection)
        for event in await read_text(response.body, partial(_read, request, response)):
            yield event

    @property
    def batches(self) -> Batches:
        """Of image requests."""
        return XAIBatches(_body, _read, _error)

    async def answer(self, request: VisionRequest, connection: Connection) -> VisionAnswer:
        """One chat completion, whose answer has to fit a schema."""
        from imagegen_nb.providers.http.client import open_client

        body = _question(request)
        async with open_client(self.name, connection, _error, model=request.model) as client:
            response = await client.send(
                lambda: client.http.post(
                    f"{connection.base_url}/chat/completions",
                    json=body,
                    headers={"Authorization": f"Bearer {connection.key}"},
                )
            )
        if not response.is_success:
            raise _error(response, connection)
        return _read_answer(request, replace(response, asked_for=ASKED_FOR))


def _body(request: ImageRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "prompt": request.prompt,
        "n": request.count,
        "response_format": "b64_json",
        **request.wire_settings(_WIRE_NAMES),
    }


def _question(request: VisionRequest) -> dict[str, Any]:
    url = data_url(request.image, request.media_type)
    schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
    return {
        "model": request.model,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
                    {"type": "text", "text": request.question},
                ],
            }
        ],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "max_completion_tokens": request.most_tokens,
    }


def _read_answer(request: VisionRequest, response: ProviderResponse) -> VisionAnswer:
    answer = response.json()
    choices = answer.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = mapping(choice.get("message"))
    text, ended = message.get("content"), choice.get("finish_reason")
    return answer_of(
        text if isinstance(text, str) else "",
        request,
        response,
        _answer_metadata(answer, response, request.model),
        refused=message.get("refusal") or ended == "content_filter",
        cut_off=ended == "length",
        ended=ended,
    )


def _answer_metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    """Thoughts are counted beside the answer's tokens, and image tokens among the prompt's."""
    usage = mapping(answer.get("usage"))
    details = mapping(usage.get("completion_tokens_details"))
    went = {
        "text": whole_number(usage.get("completion_tokens")),
        "thoughts": whole_number(details.get("reasoning_tokens")),
    }
    return ResponseMetadata(
        usage=usage_of(
            input_tokens=tokens_by_modality(usage, "input", "text"),
            output_tokens={name: count for name, count in went.items() if count},
            total=whole_number(usage.get("total_tokens")),
            ticks=_ticks(usage),
        ),
        request_id=response.request_id,
        answered_by=safe_name(answer.get("model")) or model,
        reported=usage,
    )


def _read(request: ImageRequest, response: ProviderResponse) -> list[ProviderEvent]:
    events: list[ProviderEvent] = []
    images: list[GeneratedImage | ProviderError] = []
    answers = response.documents()
    for answer in answers:
        events.append(metadata := _metadata(answer, response, request.model))
        for item in image_items(answer):
            data = _image(item, response)
            declared = item.get("mime_type")
            declared = declared if isinstance(declared, str) else None
            images.append(
                GeneratedImage(len(images), data, declared, response.request_id)
                if not isinstance(data, ProviderError)
                else data
            )
    cost = metadata.usage.cost_in_usd_ticks
    if cost is not None and not any(isinstance(image, GeneratedImage) for image in images):
        for error in images:
            if isinstance(error, ModerationBlocked):
                error.charge = "charged" if cost else "none"
    return events + response.image_events(images, request.count)


def _image(item: Mapping[str, Any], response: ProviderResponse) -> bytes | ReceivedFile | ProviderError:
    # An image that is marked so is a placeholder for the one that was withheld.
    withheld = item.get("respect_moderation") is False
    if not withheld and (inline_data(item) or item.get("url")):
        return response.item_data(item)
    if withheld or "b64_json" in item:
        return ModerationBlocked(
            "an image was withheld by xAI's content moderation",
            provider=response.provider,
            status=response.status,
            request_id=response.request_id,
            charge="unknown",
        )
    return response.invalid("an image arrived without data")


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str | None) -> ResponseMetadata:
    usage = mapping(answer.get("usage"))
    named = answer.get("model")
    return ResponseMetadata(
        usage=usage_of(
            input_tokens=tokens_by_modality(usage, "input", "text"),
            output_tokens=tokens_by_modality(usage, "output", "image"),
            total=whole_number(usage.get("total_tokens")),
            ticks=_ticks(usage),
        ),
        request_id=response.request_id,
        answered_by=safe_name(named) or model,
        reported=usage,
    )


def _ticks(usage: Mapping[str, Any]) -> int | None:
    """What a request cost. Protocol Buffers, in which xAI declares its API, write such numbers as text."""
    told = usage.get("cost_in_usd_ticks")
    if isinstance(told, str) and _WRITTEN_TICKS.fullmatch(told):
        return int(told)
    if isinstance(told, float) and told.is_integer():
        return whole_number(int(told))
    return whole_number(told)


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    """xAI says `{"code": …, "error": …}`; a blocked image can be billed, and says in `usage` what it cost."""
    answer = response.json_or_empty()
    code, message = answer.get("code"), answer.get("error")
    text = f"{code} {message}".lower()
    kind: type[ProviderError] | None = None
    if any(words in text for words in _BLOCKED):
        kind = ModerationBlocked
    elif response.status == 400 and "api key" in text:
        kind = AuthenticationFailed
    elif response.status in (402, 403, 429) and ("credit" in text or "spending limit" in text):
        kind = QuotaExhausted
    cost = _ticks(mapping(answer.get("usage")))
    charge: Charge | None = "charged" if cost else None
    if kind is ModerationBlocked and cost is None:
        charge = "unknown"
    return failure(response, connection, code=code, kind=kind, charge=charge)


PROVIDER = XAI()
