"""Google's Gemini image models, through `google-genai`: the Developer API or Vertex AI.

Facts: ai.google.dev pages "Image generation", "Deprecations"; google-genai 3.4; read 2026-11-21.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    MissingImages,
    ProviderEvent,
    ResponseMetadata,
    Usage,
)
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    ModerationBlocked,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
)
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.capabilities import Choice, Lifecycle, Model
from imagegen_nb.providers.credentials import Credential, Gateway, VertexAI
from imagegen_nb.providers.http.response import ProviderResponse, failure, mapping, safe_name, whole_number

if TYPE_CHECKING:
    from google import genai
    from google.auth.credentials import Credentials as GoogleCredentials

    from imagegen_nb.providers.http.client import ProviderClient
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_IMAGE_CONFIG = {"image_size": "aspect_ratio"}
"""What google-genai calls the settings, in its `ImageConfig`."""
_FLASH = Model(
    name="gemini-2.5-flash-image",
    settings={
        "image_size": Choice(_RATIOS, "1:1", because="not one of the model's aspect ratios"),
        "charge_type": Choice(("hosted",), "hosted", because="Gemini models are hosted-only"),
    },
    output_settings=("image_size",),
    offered=True,
    lifecycle=Lifecycle(
        "retired",
        "2026-10-02",
        "gemini-3.1-flash-image",
        "Google's shutdown date has passed; expect 404",
        "https://ai.google.dev/gemini-api/docs/deprecations",
    ),
    labels={"image_size": "Aspect Ratio"},
)
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_BY_SAFETY = "by a safety system"
_REPEATS = "because it repeats existing material"
_BLOCKED = {
    **dict.fromkeys(("SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT"), _BY_SAFETY),
    **dict.fromkeys(("RECITATION", "IMAGE_RECITATION"), _REPEATS),
    "BLOCKLIST": "for a word on a block list",
    "SPII": "for personal data in it",
}
"""The reasons to withhold an image that are about what it shows, and what each says."""
_UNNAMED = frozenset(
    ("OTHER", "IMAGE_OTHER", "NO_IMAGE", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
)
"""Reasons that name none: no safety system is known to have had a part in them."""


class Gemini(Provider):
    """Gemini Flash Image models: one call makes one image, so N calls run side by side."""

    name = "gemini"
    label = "Google"
    base_url = "https://generativelanguage.googleapis.com"
    key_variable = "GEMINI_API_KEY"
    wire_names = _IMAGE_CONFIG
    accounts = (Gateway, VertexAI)
    rank = 2
    models = (
        _FLASH,
        replace(
            _FLASH,
            name="gemini-3.1-flash-image",
            offered=False,
            lifecycle=Lifecycle(source="https://ai.google.dev/gemini-api/docs/image-generation"),
        ),
    )

    def address(self, credential: Credential) -> str:
        """The Developer API's host, or Vertex AI's for the account's location."""
        if credential.vertex is None:
            return super().address(credential)
        location = credential.vertex.location
        if location == "global":
            return "https://aiplatform.googleapis.com"
        if location in ("us", "eu"):
            return f"https://aiplatform.{location}.rep.googleapis.com"
        return f"https://{location}-aiplatform.googleapis.com"

    def prepare(self) -> None:
        """The SDK takes most of a second to import."""
        from google import genai  # noqa: F401

        import imagegen_nb.providers.http.client  # noqa: F401

    async def generate(
        self, request: ImageRequest, connection: Connection
    ) -> AsyncGenerator[ProviderEvent, None]:
        """`request.count` calls at once; each image is yielded as it arrives."""
        from imagegen_nb.providers.http.client import open_client

        credentials = await _vertex_credentials(connection)
        async with open_client(self.name, connection, _error) as client:
            sdk = _sdk_client(connection, client, credentials)
            calls = [asyncio.create_task(_one(client, sdk, request, index)) for index in range(request.count)]
            try:
                for call in asyncio.as_completed(calls):
                    for event in await call:
                        yield event
            finally:
                for task in calls:
                    task.cancel()
                await asyncio.gather(*calls, return_exceptions=True)


async def _one(
    client: ProviderClient, sdk: genai.Client, request: ImageRequest, index: int
) -> list[ProviderEvent]:
    """The events of one call; if it fails, its image is missing and the others go on."""
    from google.genai import types

    image_config = request.wire_settings(_IMAGE_CONFIG)
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig.model_validate(image_config) if image_config else None,
        should_return_http_response=True,
    )
    try:
        response = await client.send(
            partial(
                sdk.aio.models.generate_content, model=request.model, contents=request.prompt, config=config
            ),
            number=index,
        )
        if response.status != 200:
            return [MissingImages(_error(response, client.connection))]
        return await asyncio.to_thread(_read, response, request, index)
    except ProviderError as error:
        return [MissingImages(error)]


def _read(response: ProviderResponse, request: ImageRequest, index: int) -> list[ProviderEvent]:
    answer = response.json()
    metadata = _metadata(answer, response, request.model)
    candidates = answer.get("candidates")
    candidate = mapping(candidates[0]) if isinstance(candidates, list) and candidates else {}
    parts = mapping(candidate.get("content")).get("parts")
    parts = [mapping(part) for part in parts] if isinstance(parts, list) else []
    # Newer models send drafts as "thought" parts before the picture itself.
    images = [
        mapping(part["inlineData"]) for part in parts if part.get("inlineData") and not part.get("thought")
    ]
    if not images:
        return [metadata, MissingImages(_no_image(answer, candidate, parts, response, metadata.request_id))]
    data = response.image_data(images[0].get("data"))
    if isinstance(data, ProviderError):
        data.request_id = metadata.request_id
        return [metadata, MissingImages(data)]
    declared = images[0].get("mimeType")
    declared = declared if isinstance(declared, str) else None
    return [metadata, GeneratedImage(index, data, declared, metadata.request_id)]


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
    said = candidate.get("finishMessage") or mapping(answer.get("promptFeedback")).get("blockReasonMessage")
    words = f": {redact(said)}" if isinstance(said, str) and said else ""
    if reason in _BLOCKED or (block and reason not in _UNNAMED):
        what = "the prompt was blocked" if block else "the image was blocked"
        return ModerationBlocked(
            f"{what} {_BLOCKED.get(reason or '', _BY_SAFETY)}{words}",
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
    elif reason in _UNNAMED:
        message = f"made no image, for a reason that Google does not name ({reason}){words}"
    else:
        message = f"answered without an image (finish reason {reason or 'none given'}){words}"
    error = response.invalid(message)
    error.code, error.request_id = reason, request_id
    return error


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    usage = mapping(answer.get("usageMetadata"))
    named, request_id = answer.get("modelVersion"), answer.get("responseId")
    return ResponseMetadata(
        usage=Usage(
            input=_by_modality(usage, "promptToken", "text"),
            output=_by_modality(usage, "candidatesToken", "unspecified"),
            total=whole_number(usage.get("totalTokenCount")),
        ),
        request_id=response.request_id or safe_name(request_id),
        answered_by=safe_name(named) or model,
        reported=usage,
    )


def _by_modality(usage: Mapping[str, Any], name: str, otherwise: str) -> dict[str, int]:
    """Tokens by modality; the whole count under `otherwise` when Google gives no details."""
    details = usage.get(f"{name}sDetails")
    counts: dict[str, int] = {}
    for detail in map(mapping, details if isinstance(details, list) else []):
        count = whole_number(detail.get("tokenCount"))
        if count is not None:
            modality = (safe_name(detail.get("modality")) or otherwise).lower()
            counts[modality] = counts.get(modality, 0) + count
    total = whole_number(usage.get(f"{name}Count"))
    return counts or ({} if total is None else {otherwise: total})


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    """Google says `{"error": {code, message, status, details: [{"@type": …}]}}`."""
    error = mapping(response.json_or_empty().get("error"))
    details = error.get("details")
    by_type = {
        str(detail.get("@type")).rpartition(".")[2]: detail
        for detail in map(mapping, details if isinstance(details, list) else [])
    }
    kind: type[ProviderError] | None = None
    if mapping(by_type.get("ErrorInfo")).get("reason") == "API_KEY_INVALID":
        kind = AuthenticationFailed
    elif response.status == 429 and "QuotaFailure" in by_type and "RetryInfo" not in by_type:
        # A rate limit says when to come back; a spent quota does not.
        kind = QuotaExhausted
    delay = str(mapping(by_type.get("RetryInfo")).get("retryDelay", "")).removesuffix("s")
    return failure(
        response,
        connection,
        code=error.get("status"),
        message=error.get("message"),
        kind=kind,
        retry_after=float(delay) if _SECONDS.fullmatch(delay) else None,
    )


def _sdk_client(
    connection: Connection, client: ProviderClient, credentials: GoogleCredentials | None
) -> genai.Client:
    """An SDK client on our own HTTP client, with everything stated that it would take from elsewhere."""
    import ssl

    import httpx2
    from google import genai
    from google.genai import types
    from google.genai.client import DebugConfig

    vertex = connection.credential.vertex
    options = types.HttpOptions(
        base_url=connection.base_url,
        api_version="v1beta" if vertex is None else "v1beta1",
        httpx_async_client=client.http,
        # Never used; without them the SDK loads TLS settings for a client and for web sockets of its own.
        httpx_client=httpx2.Client(transport=httpx2.BaseTransport(), trust_env=False),
        async_client_args={"ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
    )
    debug = DebugConfig(client_mode=None, replays_directory=None, replay_id=None)
    if vertex is None:
        return genai.Client(
            enterprise=False, api_key=connection.key, http_options=options, debug_config=debug
        )
    return genai.Client(
        enterprise=True,
        project=vertex.project,
        location=vertex.location,
        credentials=credentials,
        http_options=options,
        debug_config=debug,
    )


async def _vertex_credentials(connection: Connection) -> GoogleCredentials | None:
    """The account's Google credentials; where a placeholder pays, it goes instead of a real token."""
    if connection.credential.vertex is None:
        return None
    if connection.key:
        from google.oauth2.credentials import Credentials

        return Credentials(token=connection.key)  # type: ignore[no-untyped-call]
    left = None
    if connection.deadline is not None:
        left = max(0.1, connection.deadline - asyncio.get_running_loop().time())
    fetching = partial(connection.credential.vertex.google_credentials, seconds=left)
    try:
        async with asyncio.timeout_at(connection.deadline):
            return await asyncio.to_thread(fetching)
    except TimeoutError:
        pass  # raised outside, so that nothing foreign is kept
    raise ProviderTimeout(
        f"no Google access token within {connection.timeout:g} s; nothing was sent to Gemini",
        provider=Gemini.name,
    )


PROVIDER = Gemini()
