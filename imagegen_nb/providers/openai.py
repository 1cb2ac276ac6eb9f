"""OpenAI's GPT image models, through the `openai` SDK.

Facts: developers.openai.com, API reference "Create image", guides "Image generation" and "Error
codes", read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    PartialImage,
    ProviderEvent,
    ResponseMetadata,
    VisionAnswer,
    VisionRequest,
)
from imagegen_nb.errors import (
    InvalidOption,
    ModerationBlocked,
    ProviderError,
    ProviderFault,
    QuotaExhausted,
)
from imagegen_nb.providers import openai_answers
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.capabilities import (
    Choice,
    Integer,
    Kind,
    Lifecycle,
    Model,
    PixelSize,
    Rule,
    VisionModel,
)
from imagegen_nb.providers.credentials import AzureOpenAI, Credential, Gateway
from imagegen_nb.providers.http.answers import ASKED_FOR
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    echoed_settings,
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
from imagegen_nb.providers.openai_batches import OpenAIBatches

if TYPE_CHECKING:
    import httpx2
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
    "image_output_format": Choice(
        ("png", "jpeg", "webp"), "png", labels={"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
    ),
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
    settings=_SETTINGS
    | {
        "image_quality": Choice(
            ("auto", "low", "medium", "high", "xhigh", "max"), "auto", labels={"xhigh": "Extra High"}
        )
    },
    rules=_RULES,
    output_settings=_OUTPUT,
    lifecycle=Lifecycle(since="2026-09-08", source=f"{_DOCS}/guides/image-generation"),
    streams=True,
)
_NEWEST = replace(
    _NEWER,
    name="gpt-image-2.6-flare",
    lifecycle=Lifecycle(
        since="2026-11-04",
        note="the names are from OpenAI's SDK, the settings from other sources",
        source="https://docs.comfy.org/es/tutorials/partner-nodes/openai/gpt-image-2-6.md",
        evidence="secondary",
    ),
)
_DEPRECATIONS = f"{_DOCS}/deprecations"


def _ends(name: str, ends: str, since: str, successor: str) -> VisionModel:
    return VisionModel(name, Lifecycle("deprecated", since, successor, source=_DEPRECATIONS, ends=ends))


_VISION = (
    VisionModel("gpt-5.4-mini"),
    VisionModel("gpt-5.4"),
    VisionModel("gpt-5.5"),
    VisionModel("gpt-5.6-luna"),
    VisionModel("gpt-5.6-terra"),
    _ends("gpt-5-mini", "2026-12-11", "2026-06-11", "gpt-6.1-terra"),
    _ends("gpt-5", "2026-12-11", "2026-06-11", "gpt-6.1-sol"),
)
"""Of the guide "Images and vision"; their ends are those of the page "Deprecations"."""
_NO_MONEY = frozenset(
    (
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_balance_exhausted",
        "insufficient_quota",
        "insufficient_user_quota",  # of gateways
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
    )
)
_BLOCKED = frozenset(("content_policy_violation", "moderation_blocked"))
_BLOCKED_BY_AZURE = frozenset(("contentFilter", "content_filter", "ResponsibleAIPolicyViolation"))
_BLOCKED_IN_WORDS = re.compile(r"rejected (by the|as a result of our) safety system", re.IGNORECASE)


class OpenAI(Provider):
    """GPT image models: one request makes all images; a single image can be streamed."""

    name = "openai"
    label = "OpenAI"
    base_url = "https://api.openai.com/v1"
    key_variable = "OPENAI_API_KEY"
    wire_names = _WIRE_NAMES
    accounts = (Gateway, AzureOpenAI)
    takes_files = True
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
        _NEWEST,
        replace(_NEWEST, name="gpt-image-2.6-sunburst"),
    )
    vision_models = _VISION

    @property
    def batches(self) -> OpenAIBatches:
        """Batches of what `generate` asks for, one by one."""
        return OpenAIBatches(_body, self._read, _error)

    def emulated_path(self, credential: Credential) -> str:
        """Azure's classic path begins elsewhere."""
        return super().emulated_path(credential) if credential.azure is None else "/openai"

    def prepare(self) -> None:
        """The SDK takes most of a second to import."""
        import openai.resources.images  # noqa: F401

        import imagegen_nb.providers.http.client  # noqa: F401

    async def generate(
        self, request: ImageRequest, connection: Connection
    ) -> AsyncGenerator[ProviderEvent, None]:
        """One request for all images, or a stream of one image and its previews."""
        from imagegen_nb.providers.http.client import open_client

        async with open_client(self.name, connection, _error, model=request.model) as client:
            sdk = _sdk_client(request.model, connection, client)
            if request.partial_images:
                async for event in self._stream(request, client, sdk):
                    yield event
                return
            images = sdk.images.with_raw_response
            response = await client.send(partial(images.generate, **cast("Any", _body(request))))
            for event in await read_text(response.body, partial(self._read, request, response, connection)):
                yield event

    async def answer(self, request: VisionRequest, connection: Connection) -> VisionAnswer:
        """One request to the Responses API, whose answer has to fit a schema."""
        import asyncio

        from imagegen_nb.providers.http.client import open_client

        if connection.credential.azure is not None:
            raise InvalidOption(
                "questions about images are not possible at the classic address of an Azure account: reach "
                'it as Gateway("https://….openai.azure.com/openai/v1", key_variable)'
            )
        await asyncio.to_thread(_import_responses)
        async with open_client(self.name, connection, _error, model=request.model) as client:
            responses = _sdk_client(request.model, connection, client).responses.with_raw_response
            response = await client.send(
                partial(responses.create, **cast("Any", openai_answers.body(request)))
            )
        if not response.is_success:
            raise _error(response, connection)
        response = replace(response, asked_for=ASKED_FOR)
        return openai_answers.read(
            request, response, lambda details: _reported(details, response, connection)
        )

    def _read(
        self, request: ImageRequest, response: ProviderResponse, connection: Connection
    ) -> list[ProviderEvent]:
        if not response.is_success:
            raise _error(response, connection)
        events: list[ProviderEvent] = []
        images: list[GeneratedImage | ProviderError] = []
        answers, told = response.documents(), list[Mapping[str, Any]]()
        for answer in answers:
            for outcome in _read_answer(answer, response, request.model, len(images), told):
                if isinstance(outcome, GeneratedImage | ProviderError):
                    images.append(outcome)
                elif not isinstance(outcome, PartialImage):
                    events.append(outcome)
        if not images:
            for answer in answers:
                _raise_reported(answer, response, connection)
        return events + response.image_events(images, request.count)

    async def _stream(
        self, request: ImageRequest, client: ProviderClient, sdk: AsyncOpenAI
    ) -> AsyncGenerator[ProviderEvent, None]:
        async def start() -> httpx2.Response:
            body = _body(request) | {"stream": True, "partial_images": request.partial_images}
            raw = await sdk.images.with_raw_response.generate(**cast("Any", body))
            return cast("httpx2.Response", raw.http_response)

        started, response = await client.open_stream(start)
        if started is None:
            assert response is not None
            for event in self._read(request, response, client.connection):
                yield event
            return
        images, told = 0, list[Mapping[str, Any]]()
        async with client.read_events(started) as reader:
            while (arrived := await reader.next()) is not None:
                for answer in reader.response.event_values(arrived):
                    for outcome in _read_answer(answer, reader.response, request.model, images, told):
                        if not isinstance(outcome, ProviderError):
                            yield outcome
                        elif not images:
                            raise reader.broken or outcome
                        if isinstance(outcome, GeneratedImage):
                            images += 1
                            reader.linger()
                    if not images:
                        _raise_reported(answer, reader.response, client.connection, started=True)
            for warning in reader.response.warnings():
                yield warning
            unread = reader.unread()
        if not images and unread.body.strip():
            for read in self._read(request, unread, client.connection):
                yield read
        elif not images:
            raise reader.response.invalid("the stream ended before the finished image arrived")


def _import_responses() -> None:
    """The SDK loads this part when it is first used, and it takes a while."""
    import openai.resources.responses  # noqa: F401


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


def _read_answer(
    answer: Mapping[str, Any],
    response: ProviderResponse,
    model: str,
    index: int,
    told: list[Mapping[str, Any]],
) -> list[ResponseMetadata | PartialImage | GeneratedImage | ProviderError]:
    """What a body or an event brings: a preview, or finished images, numbered from `index`. `told` gathers
    the usage of all events of an answer."""
    if str(answer.get("type", "")).endswith("partial_image"):
        preview, number = response.image_data(inline_data(answer)), answer.get("partial_image_index")
        # A broken preview is not worth losing the picture for.
        return (
            [PartialImage(number, preview)] if isinstance(preview, bytes) and isinstance(number, int) else []
        )
    items = image_items(answer)
    outcomes: list[ResponseMetadata | PartialImage | GeneratedImage | ProviderError] = []
    usage = mapping(answer.get("usage"))
    if items or ("usage" in answer and not _is_told(usage, told)):
        outcomes.append(_metadata(answer, response, model))
        told.append(usage)
    for position, item in enumerate(items, index):
        data = response.item_data(item)
        outcomes.append(
            GeneratedImage(position, data, _mime(answer), response.request_id)
            if not isinstance(data, ProviderError)
            else data
        )
    return outcomes


def _is_told(usage: Mapping[str, Any], told: list[Mapping[str, Any]]) -> bool:
    """Whether an event without an image says once more what those with images said, each or in sum: gateways
    end their streams so, and the cost would count twice."""
    cost, costs = usage.get("cost"), [one.get("cost") for one in told]
    if usage in told or not isinstance(cost, int | float):
        return usage in told
    return Decimal(str(cost)) == sum(Decimal(str(each)) for each in costs if isinstance(each, int | float))


def _mime(answer: Mapping[str, Any]) -> str | None:
    declared = answer.get("output_format")
    return f"image/{declared}" if isinstance(declared, str) else None


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    usage = mapping(answer.get("usage"))
    return ResponseMetadata(
        usage=usage_of(
            input_tokens=tokens_by_modality(usage, "input", "text"),
            output_tokens=tokens_by_modality(usage, "output", "image"),
            total=whole_number(usage.get("total_tokens")),
        ),
        request_id=response.request_id,
        answered_by=model,
        echoed=echoed_settings(answer, _WIRE_NAMES),
        reported=usage,
    )


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    answer = response.json_or_empty()
    return _classified(mapping(answer.get("error")) or answer, response, connection)


def _raise_reported(
    answer: Mapping[str, Any], response: ProviderResponse, connection: Connection, *, started: bool = False
) -> None:
    """Raise an error reported with status 200. The images may have been made, so the charge is unknown."""
    reported = answer.get("error")
    if not reported and answer.get("type") != "error":
        return
    raise _reported(
        mapping(reported) or {"message": reported, **answer}, response, connection, started=started
    )


def _reported(
    details: Mapping[str, Any], response: ProviderResponse, connection: Connection, *, started: bool = False
) -> ProviderError:
    error = _classified(details, response, connection, started=started)
    error.charge = "unknown"
    return error


def _classified(
    error: Mapping[str, Any], response: ProviderResponse, connection: Connection, *, started: bool = False
) -> ProviderError:
    code, message = error.get("code"), error.get("message")
    code_text = safe_name(code)
    kind: type[ProviderError] | None = ProviderFault if started else None
    in_words = isinstance(message, str) and _BLOCKED_IN_WORDS.search(message)
    if code_text in _BLOCKED | _BLOCKED_BY_AZURE or in_words:
        kind = ModerationBlocked
        categories = mapping(error.get("moderation_details")).get("categories")
        named = isinstance(message, str) and "safety_violations" in message
        if isinstance(categories, list) and categories and not named:
            message = f"{message} (categories: {', '.join(str(name) for name in categories)})"
    elif code_text in _NO_MONEY or safe_name(error.get("type")) in _NO_MONEY:
        kind = QuotaExhausted
    return failure(response, connection, code=code, message=message, kind=kind)


PROVIDER = OpenAI()
