"""Google's Gemini image models, through `google-genai`: the Developer API or Vertex AI.

Facts: ai.google.dev pages "Image generation", "Deprecations"; google-genai 3.4; read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.images import sniff
from imagegen_nb.core.open_files import is_out_of_files, patiently
from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    MissingImages,
    ProviderEvent,
    ResponseMetadata,
    VisionAnswer,
    VisionRequest,
)
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    ModerationBlocked,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
)
from imagegen_nb.providers import gemini_answers
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.capabilities import Choice, Lifecycle, Model, VisionModel
from imagegen_nb.providers.credentials import Credential, Gateway, VertexAI
from imagegen_nb.providers.http.answers import ASKED_FOR
from imagegen_nb.providers.http.response import (
    UNSPECIFIED,
    ProviderResponse,
    failure,
    mapping,
    read_text,
    safe_name,
    usage_of,
    whole_number,
    with_remainder,
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
                note="its aspect ratios are told by others than Google",
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
        answer = _merged(response.documents())
        return gemini_answers.read(
            request, response, answer, _answer_metadata(answer, response, request.model)
        )


def _answer_metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
    """As of an image, but what is not itemised is text."""
    metadata = _metadata(answer, response, model)
    came, went = dict(metadata.usage.input), dict(metadata.usage.output)
    if UNSPECIFIED in went:
        went["text"] = went.get("text", 0) + went.pop(UNSPECIFIED)
    usage = replace(
        metadata.usage, input=gemini_answers.with_image_tokens(came, metadata.reported), output=went
    )
    return replace(metadata, usage=usage)


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
        return await read_text(response.body, partial(_read, response, request, index))
    except ProviderError as error:
        return [MissingImages(error)]


def _read(response: ProviderResponse, request: ImageRequest, index: int) -> list[ProviderEvent]:
    """What call number `index` brought; further images are numbered behind those of all calls."""
    answer = _merged(response.documents())
    metadata = _metadata(answer, response, request.model)
    candidates = [mapping(candidate) for candidate in _list(answer.get("candidates"))]
    parts = [part for candidate in candidates for part in _parts(candidate)]
    found = _images(parts, response)
    if not found and (draft := _last_draft(candidates, parts, response)):
        found = [draft]
        response.flaws.append("the only picture was marked as a thought")
    for error in found:
        if isinstance(error, ProviderError):
            error.request_id = metadata.request_id
    images = [
        GeneratedImage(index + request.count * number, *item, metadata.request_id)
        if isinstance(item, tuple)
        else item
        for number, item in enumerate(found)
    ]
    if not images:
        candidate = candidates[0] if candidates else {}
        images = [response.cut_short or _no_image(answer, candidate, parts, response, metadata.request_id)]
    return [metadata, *response.image_events(images, 1)]


def _merged(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """One answer of the pieces of a stream: every candidate, and what else was said last."""
    merged: dict[str, Any] = {}
    for answer in answers:
        usage = {**mapping(merged.get("usageMetadata")), **mapping(answer.get("usageMetadata"))}
        merged |= answer
        if usage:
            merged["usageMetadata"] = usage
    if len(answers) > 1:
        merged["candidates"] = [each for answer in answers for each in _list(answer.get("candidates"))]
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
    return [mapping(part) for part in _list(mapping(candidate.get("content")).get("parts"))]


def _list(value: object) -> list[Any]:
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


def _metadata(answer: Mapping[str, Any], response: ProviderResponse, model: str) -> ResponseMetadata:
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
    for detail in map(mapping, _list(usage.get(f"{name}sDetails"))):
        count = whole_number(detail.get("tokenCount"))
        if count is not None:
            modality = (safe_name(detail.get("modality")) or otherwise).lower()
            counts[modality] = (counts.get(modality) or 0) + count
    return with_remainder(counts, whole_number(usage.get(f"{name}Count")), otherwise)


def _error(response: ProviderResponse, connection: Connection) -> ProviderError:
    """Google says `{"error": {code, message, status, details: [{"@type": …}]}}`."""
    error = mapping(response.json_or_empty().get("error"))
    by_type = {
        str(detail.get("@type")).rpartition(".")[2]: detail
        for detail in map(mapping, _list(error.get("details")))
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
        mapping(violation) for violation in _list(mapping(details.get("QuotaFailure")).get("violations"))
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
        f"no Google access token within {connection.timeout:g} s; nothing was sent to Gemini",
        provider=Gemini.name,
    )


PROVIDER = Gemini()
