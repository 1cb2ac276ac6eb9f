"""OpenAI's GPT image models, through the `openai` SDK.

Facts: developers.openai.com, API reference "Create image", guides "Image generation" and "Error
codes", read 2026-11-21.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    MissingImages,
    PartialImage,
    ProviderEvent,
    ResponseMetadata,
    Usage,
)
from imagegen_nb.errors import ModerationBlocked, ProviderError, ProviderFault, QuotaExhausted
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Lifecycle, Model, PixelSize, Rule
from imagegen_nb.providers.credentials import AzureOpenAI, Credential, Gateway
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    echoed_settings,
    failure,
    mapping,
    safe_name,
    whole_number,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from imagegen_nb.providers.http.client import ProviderClient
_SETTINGS: dict[str, Kind] = {
    "image_size": PixelSize(
        tiles=("1024x1024", "1536x1024", "1024x1536"),
        multiple=16,
        longest_edge=3840,
        widest_ratio=3,
        fewest_pixels=655_360,
        most_pixels=8_294_400,
    ),
    "image_quality": Choice(("auto", "low", "medium", "high"), "auto"),
    "image_background": Choice(("auto", "opaque", "transparent"), "auto"),
    "image_moderation": Choice(("auto", "low"), "auto"),
    "image_output_format": Choice(("png", "jpeg", "webp"), "png"),
    "image_output_compression": Integer(0, 100, 100),
}
_WIRE_NAMES = {
    "image_size": "size",
    "image_quality": "quality",
    "image_background": "background",
    "image_moderation": "moderation",
    "image_output_format": "output_format",
    "image_output_compression": "output_compression",
}
"""What OpenAI calls the settings, in requests and in answers."""
_RULES = (
    Rule(
        field="image_background",
        refused=("transparent",),
        when="image_output_format",
        equals=("jpeg",),
        because="JPEG has no transparency",
        remedy="Choose png or webp as image_output_format, or another background",
    ),
    Rule(
        field="image_output_compression",
        refused=(),
        when="image_output_format",
        equals=("png",),
        because="PNG is never compressed with loss",
        remedy="Leave image_output_compression out, or choose jpeg or webp as image_output_format",
    ),
)
_OUTPUT = (
    "image_size",
    "image_quality",
    "image_background",
    "image_output_format",
    "image_output_compression",
)
_DOCS = "https://developers.openai.com/api/docs"
_NEWER = Model(
    name="gpt-image-2.5-flare",
    settings=_SETTINGS | {"image_quality": Choice(("auto", "low", "medium", "high", "xhigh", "max"), "auto")},
    rules=_RULES,
    output_settings=_OUTPUT,
    lifecycle=Lifecycle(since="2026-09-08", source=f"{_DOCS}/guides/image-generation"),
    streams=True,
)
_NO_MONEY = frozenset(
    (
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "insufficient_quota",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
    )
)
_BLOCKED = frozenset(("content_policy_violation", "moderation_blocked", "contentFilter", "content_filter"))
"""The last two are Azure's."""


class OpenAI(Provider):
    """GPT image models: one request makes all images; a single image can be streamed."""

    name = "openai"
    label = "OpenAI"
    base_url = "https://api.openai.com/v1"
    key_variable = "OPENAI_API_KEY"
    wire_names = _WIRE_NAMES
    accounts = (Gateway, AzureOpenAI)
    rank = 0
    models = (
        Model(
            name="gpt-image-2",
            settings=_SETTINGS,
            rules=_RULES,
            output_settings=_OUTPUT,
            offered=True,
            lifecycle=Lifecycle(since="2026-04-21", source=f"{_DOCS}/models/gpt-image-2"),
            streams=True,
        ),
        _NEWER,
        replace(_NEWER, name="gpt-image-2.5-sunburst"),
    )

    def emulated_path(self, credential: Credential) -> str:
        """Azure's classic path begins elsewhere."""
        return super().emulated_path(credential) if credential.azure is None else "/openai"

    def prepare(self) -> None:
        """The SDK takes most of a second to import."""
        import openai  # noqa: F401

        import imagegen_nb.providers.http.client  # noqa: F401

    async def generate(
        self, request: ImageRequest, connection: Connection
    ) -> AsyncGenerator[ProviderEvent, None]:
        """One request for all images, or a stream of one image and its previews."""
        from imagegen_nb.providers.http.client import open_client

        async with open_client(self.name, connection, _error) as client:
            sdk = _sdk_client(request.model, connection, client)
            if request.partial_images:
                async for event in self._stream(request, client, sdk):
                    yield event
                return
            images = sdk.images.with_raw_response
            response = await client.send(partial(images.generate, **cast("Any", _body(request))))
            for event in await asyncio.to_thread(self._read, request, response, connection):
                yield event

    def _read(
        self, request: ImageRequest, response: ProviderResponse, connection: Connection
    ) -> list[ProviderEvent]:
        if response.status != 200:
            raise _error(response, connection)
        answer = response.json()
        items = answer.get("data")
        items = items if isinstance(items, list) else []
        events: list[ProviderEvent] = [_metadata(answer, response, request.model)]
        for index, item in enumerate(items[: request.count]):
            data = response.image_data(item.get("b64_json") if isinstance(item, dict) else None)
            if isinstance(data, ProviderError):
                events.append(MissingImages(data))
            else:
                events.append(GeneratedImage(index, data, _mime(answer), response.request_id))
        if len(items) < request.count:
            missing = request.count - len(items)
            why = response.invalid(f"returned {len(items)} of {request.count} images")
            events.append(MissingImages(why, missing))
        return events

    async def _stream(
        self, request: ImageRequest, client: ProviderClient, sdk: AsyncOpenAI
    ) -> AsyncGenerator[ProviderEvent, None]:
        from openai import APIError, AsyncStream

        async def start() -> tuple[AsyncStream[Any], Mapping[str, str]]:
            body = _body(request) | {"stream": True, "partial_images": request.partial_images}
            raw = await sdk.images.with_raw_response.generate(**cast("Any", body))
            return cast("AsyncStream[Any]", raw.parse()), raw.headers

        started, response = await client.open_stream(start)
        if started is None:
            assert response is not None
            for event in self._read(request, response, client.connection):
                yield event
            return
        stream, headers = started
        frames = aiter(stream)
        response = client.streaming_response(headers)
        try:
            while (frame := await client.next_event(frames, response, APIError)) is not None:
                if isinstance(frame, APIError):
                    raise _stream_error(frame, response, client.connection)
                for event in _from_frame(frame, response, request.model):
                    yield event
                    if isinstance(event, GeneratedImage):
                        await client.drain(frames)
                        return
        finally:
            await stream.close()
            await client.drain(frames)
        raise response.invalid("the stream ended before the finished image came")


def _sdk_client(model: str, connection: Connection, client: ProviderClient) -> AsyncOpenAI:
    """An SDK client on our own HTTP client. The key is stated: none of the environment goes first."""
    from openai import AsyncOpenAI

    azure = connection.credential.azure
    return AsyncOpenAI(
        api_key=connection.key,
        base_url=connection.base_url + ("" if azure is None else azure.path(model)),
        default_headers={"Authorization": f"Bearer {connection.key}"},
        max_retries=0,
        http_client=client.http,
    )


def _body(request: ImageRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "prompt": request.prompt,
        "n": request.count,
        **request.wire_settings(_WIRE_NAMES),
    }


def _from_frame(frame: object, response: ProviderResponse, model: str) -> list[ProviderEvent]:
    """What one server-sent frame brings; frames of other types bring nothing."""
    answer = frame.model_dump(exclude_unset=True) if hasattr(frame, "model_dump") else {}
    if answer.get("type") == "image_generation.partial_image":
        data = response.image_data(answer.get("b64_json"))
        index = answer.get("partial_image_index")
        # A broken preview is not worth losing the picture for.
        return (
            []
            if isinstance(data, ProviderError) or not isinstance(index, int)
            else [PartialImage(index, data)]
        )
    if answer.get("type") == "image_generation.completed":
        data = response.image_data(answer.get("b64_json"))
        if isinstance(data, ProviderError):
            raise data
        return [
            _metadata(answer, response, model),
            GeneratedImage(0, data, _mime(answer), response.request_id),
        ]
    return []


def _mime(answer: Mapping[str, Any]) -> str | None:
    declared = answer.get("output_format")
    return f"image/{declared}" if isinstance(declared, str) else None


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    usage = mapping(answer.get("usage"))
    return ResponseMetadata(
        usage=Usage(
            input=_by_modality(usage, "input"),
            output=_by_modality(usage, "output"),
            total=whole_number(usage.get("total_tokens")),
        ),
        request_id=response.request_id,
        answered_by=model,
        echoed=echoed_settings(answer, _WIRE_NAMES),
        reported=usage,
    )


def _by_modality(usage: Mapping[str, Any], side: str) -> dict[str, int]:
    """Tokens by modality; the total under `image` (out) or `text` (in) when OpenAI gives no details."""
    details = mapping(usage.get(f"{side}_tokens_details"))
    counts = {name.removesuffix("_tokens"): whole_number(value) for name, value in details.items()}
    details_given = {name: count for name, count in counts.items() if count is not None}
    if details_given:
        return details_given
    total = whole_number(usage.get(f"{side}_tokens"))
    return {} if total is None else {"image" if side == "output" else "text": total}


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    return _classified(mapping(response.json_or_empty().get("error")), response, connection)


def _stream_error(event: Any, response: ProviderResponse, connection: Connection) -> ProviderError:
    """An error frame inside a started stream; the image may have been made, so the charge is unknown."""
    details = {"code": event.code, "type": event.type, "message": event.message}
    error = _classified({**details, **mapping(event.body)}, response, connection, started=True)
    error.charge = "unknown"
    return error


def _classified(
    error: Mapping[str, Any], response: ProviderResponse, connection: Connection, *, started: bool = False
) -> ProviderError:
    code, message = error.get("code"), error.get("message")
    code_text = safe_name(code)
    kind: type[ProviderError] | None = ProviderFault if started else None
    if code_text in _BLOCKED:
        kind = ModerationBlocked
        categories = mapping(error.get("moderation_details")).get("categories")
        if isinstance(categories, list) and categories:
            message = f"{message} (categories: {', '.join(str(name) for name in categories)})"
    elif code_text in _NO_MONEY or safe_name(error.get("type")) in _NO_MONEY:
        kind = QuotaExhausted
    return failure(response, connection, code=code, message=message, kind=kind)


PROVIDER = OpenAI()
