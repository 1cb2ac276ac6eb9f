"""Google's Gemini image models, through `google-genai`: the Developer API or Vertex AI.

Facts: ai.google.dev pages "Image generation", "Deprecations"; google-genai 3.4; read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.open_files import is_out_of_files, patiently
from imagegen_nb.core.types import (
    ImageRequest,
    MissingImages,
    ProviderEvent,
    VisionAnswer,
    VisionRequest,
)
from imagegen_nb.errors import (
    AuthenticationFailed,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
)
from imagegen_nb.providers import gemini_answers, gemini_content
from imagegen_nb.providers.base import MORE_TIME, Connection, Provider
from imagegen_nb.providers.capabilities import Choice, Lifecycle, Model, VisionModel
from imagegen_nb.providers.credentials import Credential, Gateway, VertexAI
from imagegen_nb.providers.gemini_batches import GeminiBatches
from imagegen_nb.providers.http.answers import ASKED_FOR
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    failure,
    mapping,
    read_text,
)

if TYPE_CHECKING:
    from google import genai
    from google.auth.credentials import Credentials as GoogleCredentials

    from imagegen_nb.providers.http.client import ProviderClient
_DOCS = "https://ai.google.dev/gemini-api/docs"
_CHANGELOG = f"{_DOCS}/changelog"
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_MORE_RATIOS = (*_RATIOS, "1:4", "4:1", "1:8", "8:1")
_IMAGE_CONFIG = {"image_size": "aspect_ratio"}
"""What google-genai calls the settings, in its `ImageConfig`."""
_IN_A_BATCH = {"image_size": "aspectRatio"}
"""What Google itself calls them: no SDK makes the lines of a batch."""
_FLASH = Model(
    name="gemini-2.5-flash-image",
    settings={
        "image_size": Choice(_RATIOS, "1:1", because="not one of the model's aspect ratios"),
        "charge_type": Choice(("hosted",), "hosted", because="Gemini models are hosted-only"),
    },
    output_settings=("image_size",),
    offered=True,
    lifecycle=Lifecycle(
        "restricted",
        "2026-09-18",
        "gemini-3.1-flash-lite-image",
        "served to those who had used it before; a new key may get 404",
        _CHANGELOG,
        ends="2027-03-15",
        ends_evidence="secondary",
    ),
    labels={"image_size": "Aspect Ratio"},
)
_WIDER = replace(
    _FLASH,
    settings={
        **_FLASH.settings,
        "image_size": Choice(_MORE_RATIOS, "1:1", because="not one of the model's aspect ratios"),
    },
    offered=False,
)
_QUOTA_SPAN = re.compile(r"Per(Second|Minute|Hour|Day|Week|Month|Year)")
_SHORT_SPANS = frozenset(("Second", "Minute"))
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class Gemini(Provider):
    """Gemini Flash Image models: one call makes one image, so N calls run side by side."""

    name = "gemini"
    label = "Google"
    base_url = "https://generativelanguage.googleapis.com"
    key_variable = "GEMINI_API_KEY"
    wire_names = _IMAGE_CONFIG
    accounts = (Gateway, VertexAI)
    takes_files = True
    telemetry_name = "gcp.gemini"
    rank = 2
    models = (
        _FLASH,
        replace(
            _WIDER,
            name="gemini-3.1-flash-image",
            lifecycle=Lifecycle(
                "deprecated",
                "2026-10-06",
                "gemini-nano-banana-2.1",
                "still served, and no longer to be chosen",
                _CHANGELOG,
            ),
        ),
        replace(
            _WIDER,
            name="gemini-nano-banana-2.1",
            lifecycle=Lifecycle(since="2026-10-06", source=f"{_DOCS}/image-generation"),
        ),
        replace(
            _FLASH,
            name="gemini-3.1-flash-lite-image",
            offered=False,
            lifecycle=Lifecycle(
                note="its aspect ratios come from sources other than Google",
                source="https://docs.apimart.ai/en/api-reference/images/gemini-3.1-flash/generation-lite",
                evidence="secondary",
            ),
        ),
        replace(
            _FLASH,
            name="gemini-3-pro-image",
            offered=False,
            lifecycle=Lifecycle(
                source="https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/gemini/3-pro-image"
            ),
        ),
    )

    vision_models = (
        VisionModel("gemini-3-flash-preview"),
        VisionModel("gemini-3.5-flash-lite"),
        VisionModel(
            "gemini-2.5-flash",
            Lifecycle(
                "restricted",
                "2026-09-18",
                "gemini-3.5-flash-lite",
                "served to those who had used it before; a new key may get 404",
                _CHANGELOG,
            ),
        ),
    )

    @property
    def batches(self) -> GeminiBatches:
        """Batches of what `generate` asks for, image by image."""
        return GeminiBatches(_batch_body, gemini_content.read, _error)

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

    def requests_for(self, count: int) -> int:
        """One for each image."""
        return count

    def prepare(self) -> None:
        """The SDK takes most of a second to import."""
        from google import genai  # noqa: F401

        import imagegen_nb.providers.http.client  # noqa: F401

    async def generate(
        self, request: ImageRequest, connection: Connection
    ) -> AsyncGenerator[ProviderEvent, None]:
        """`request.count` calls at once; each image is yielded as it arrives."""
        import asyncio

        from imagegen_nb.providers.http.client import open_client

        credentials = await _vertex_credentials(connection)
        async with open_client(self.name, connection, _error, model=request.model) as client:
            make = partial(_sdk_client, connection, client, credentials)
            sdk = await asyncio.to_thread(patiently, make, is_out_of_files)
            calls = [asyncio.create_task(_one(client, sdk, request, index)) for index in range(request.count)]
            try:
                for call in asyncio.as_completed(calls):
                    for event in await call:
                        yield event
            finally:
                for task in calls:
                    task.cancel()
                await asyncio.gather(*calls, return_exceptions=True)

    async def answer(self, request: VisionRequest, connection: Connection) -> VisionAnswer:
        """One call, whose answer has to fit a schema."""
        import asyncio

        from google.genai import types

        from imagegen_nb.providers.http.client import open_client

        config = types.GenerateContentConfig(
            response_mime_type="application/json",
            response_schema=gemini_answers.schema(request.schema),
            max_output_tokens=request.most_tokens,
            should_return_http_response=True,
        )
        picture = types.Part.from_bytes(data=request.image, mime_type=request.media_type)
        contents = [types.Content(role="user", parts=[picture, types.Part(text=request.question)])]
        credentials = await _vertex_credentials(connection)
        async with open_client(self.name, connection, _error, model=request.model) as client:
            make = partial(_sdk_client, connection, client, credentials)
            sdk = await asyncio.to_thread(patiently, make, is_out_of_files)
            response = await client.send(
                partial(
                    sdk.aio.models.generate_content, model=request.model, contents=contents, config=config
                )
            )
        if not response.is_success:
            raise _error(response, connection)
        response = replace(response, asked_for=ASKED_FOR)
        answer = gemini_content.merged(response.documents())
        return gemini_answers.read(
            request, response, answer, gemini_content.answer_metadata(answer, response, request.model)
        )


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
        if not response.is_success:
            return [MissingImages(_error(response, client.connection))]
        return await read_text(response.body, partial(gemini_content.read, response, request, index))
    except ProviderError as error:
        return [MissingImages(error)]


def _batch_body(request: ImageRequest) -> dict[str, Any]:
    """The body of one call, as the SDK makes it of what `_one` hands it."""
    settings = request.wire_settings(_IN_A_BATCH)
    config = {"responseModalities": ["IMAGE"]} | ({"imageConfig": settings} if settings else {})
    return {
        "contents": [{"parts": [{"text": request.prompt}], "role": "user"}],
        "generationConfig": config,
    }


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    """Google says `{"error": {code, message, status, details: [{"@type": …}]}}`."""
    error = mapping(response.json_or_empty().get("error"))
    by_type = {
        str(detail.get("@type")).rpartition(".")[2]: detail
        for detail in map(mapping, gemini_content.listed(error.get("details")))
    }
    kind: type[ProviderError] | None = None
    reason = mapping(by_type.get("ErrorInfo")).get("reason")
    if reason == "API_KEY_INVALID":
        kind = AuthenticationFailed
    elif reason == "BILLING_DISABLED" or (response.status == 429 and _is_spent(by_type)):
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


def _is_spent(details: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a 429 speaks of a quota that waiting does not bring back.

    A quota of the day comes with a `RetryInfo` of seconds as well, which is true of the minute's quota only.
    """
    violations = [
        mapping(violation)
        for violation in gemini_content.listed(mapping(details.get("QuotaFailure")).get("violations"))
    ]
    named = mapping(mapping(details.get("ErrorInfo")).get("metadata"))
    values = [named.get("quota_limit_value"), *(violation.get("quotaValue") for violation in violations)]
    if "0" in map(str, values):
        return True
    names = [named.get("quota_limit"), *(violation.get("quotaId") for violation in violations)]
    spans = {span for name in names for span in _QUOTA_SPAN.findall(str(name))}
    if spans:
        return not spans <= _SHORT_SPANS
    # Without a name, a rate limit says when to come back and a spent quota does not.
    return bool(violations) and "RetryInfo" not in details


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
    import asyncio

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
        f"no Google access token within {connection.timeout:g} s: {MORE_TIME}; nothing was sent to Gemini",
        provider=Gemini.name,
    )


PROVIDER = Gemini()
