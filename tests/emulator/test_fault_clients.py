"""The same faults as the real SDKs see them, with their own retries off."""

from __future__ import annotations

import json

import httpx2
import openai
import pydantic
import pytest
from google import genai
from google.genai import errors, types
from support.emulated import KEY

from imagegen_nb.emulator import Fault

OPENAI = [
    (Fault("rate_limit", retry_after="2"), openai.RateLimitError),
    (Fault("quota"), openai.RateLimitError),
    (Fault("quota", code="billing_hard_limit_reached"), openai.BadRequestError),
    (Fault("auth"), openai.AuthenticationError),
    (Fault("permission"), openai.PermissionDeniedError),
    (Fault("server_error", status=503), openai.InternalServerError),
    (Fault("hang"), openai.APITimeoutError),
    (Fault("drop"), openai.APIConnectionError),
    (Fault("cut"), openai.APIConnectionError),
    (Fault("moderation"), openai.BadRequestError),
    (Fault("not_found"), openai.NotFoundError),
    (Fault("bad_request", param="size"), openai.BadRequestError),
    (Fault("echo_key"), openai.AuthenticationError),
    (Fault("truncated_json"), json.JSONDecodeError),
]


@pytest.mark.parametrize(("fault", "expected"), OPENAI, ids=lambda value: getattr(value, "kind", ""))
def test_openai(emulator, oai, fault, expected):
    emulator.script("openai", fault)
    with pytest.raises(expected) as caught:
        oai.with_options(timeout=0.5).images.generate(model="gpt-image-2", prompt="a fox")
    assert emulator.count("openai") == 1
    if isinstance(caught.value, openai.APIStatusError):
        assert caught.value.request_id.startswith("req_emulated_")
    assert (KEY in str(caught.value)) == (fault.kind == "echo_key")


@pytest.mark.parametrize(
    ("fault", "expected"), OPENAI[:1] + OPENAI[5:9], ids=lambda value: getattr(value, "kind", "")
)
async def test_openai_async(emulator, fault, expected):
    emulator.script("openai", fault)
    async with openai.AsyncOpenAI(
        base_url=f"{emulator.url}/openai/v1", api_key=KEY, max_retries=0, timeout=0.5
    ) as client:
        with pytest.raises(expected):
            await client.images.generate(model="gpt-image-2", prompt="a fox")
    assert emulator.count("openai") == 1


def test_openai_own_retries_are_seen(emulator, oai):
    emulator.script("openai", *[Fault("rate_limit", retry_after_ms="1")] * 3)
    with pytest.raises(openai.RateLimitError):
        oai.with_options(max_retries=2).images.generate(model="gpt-image-2", prompt="a fox")
    counts = [request.headers["x-stainless-retry-count"] for request in emulator.requests]
    assert counts == ["0", "1", "2"]


def test_openai_accepts_hollow_bodies(emulator, oai):
    emulator.script("openai", *(Fault("empty", variant=name) for name in ("null", "list", "object")))
    seen = [oai.images.generate(model="gpt-image-2", prompt="a fox").data for _ in range(3)]
    assert seen[:2] == [None, []]
    assert seen[2][0].b64_json is None


def test_openai_reads_gzip(emulator, oai):
    emulator.script("openai", Fault("gzip"))
    assert oai.images.generate(model="gpt-image-2", prompt="a fox").data[0].b64_json


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("stream_error"), openai.APIError),
        (Fault("stream_cut"), (httpx2.RemoteProtocolError, openai.APIConnectionError)),
    ],
    ids=["error", "cut"],
)
def test_openai_streams(emulator, oai, fault, expected):
    emulator.script("openai", fault)
    stream = oai.images.generate(model="gpt-image-2", prompt="a fox", stream=True, partial_images=2)
    assert next(stream).type == "image_generation.partial_image"
    with pytest.raises(expected):
        next(stream)
    stream.close()
    assert emulator.count("openai") == 1


XAI = [
    (Fault("rate_limit"), openai.RateLimitError),
    (Fault("quota"), openai.PermissionDeniedError),
    (Fault("auth"), openai.BadRequestError),
    (Fault("moderation"), openai.BadRequestError),
    (Fault("server_error"), openai.InternalServerError),
    (Fault("not_found"), openai.NotFoundError),
    (Fault("drop"), openai.APIConnectionError),
]


@pytest.mark.parametrize(("fault", "expected"), XAI, ids=lambda value: getattr(value, "kind", ""))
def test_xai(emulator, grok, fault, expected):
    emulator.script("xai", fault)
    with pytest.raises(expected) as caught:
        grok.images.generate(model="grok-imagine-image-quality", prompt="a fox")
    assert emulator.count("xai") == 1
    if fault.kind == "moderation":
        assert caught.value.response.json()["usage"]["cost_in_usd_ticks"] == 400_000_000
        assert caught.value.code is None


GOOGLE = [
    (Fault("rate_limit"), errors.ClientError),
    (Fault("quota"), errors.ClientError),
    (Fault("auth"), errors.ClientError),
    (Fault("permission"), errors.ClientError),
    (Fault("not_found"), errors.ClientError),
    (Fault("bad_request"), errors.ClientError),
    (Fault("server_error", status=502), errors.ServerError),
    (Fault("server_error", status=503), errors.ServerError),
    (Fault("drop"), httpx2.RemoteProtocolError),
    (Fault("cut"), httpx2.RemoteProtocolError),
    (Fault("hang"), httpx2.ReadTimeout),
    (Fault("truncated_json"), ValueError),
    (Fault("bad_base64"), pydantic.ValidationError),
]


@pytest.mark.parametrize("surface", ["google", "vertex"])
@pytest.mark.parametrize(("fault", "expected"), GOOGLE, ids=lambda value: getattr(value, "kind", ""))
def test_google(request, emulator, surface, fault, expected):
    client: genai.Client = request.getfixturevalue(surface)
    emulator.script("gemini", fault)
    config = types.GenerateContentConfig(http_options=types.HttpOptions(timeout=1000))
    with pytest.raises(expected) as caught:
        client.models.generate_content(model="gemini-2.5-flash-image", contents="a fox", config=config)
    assert emulator.count("gemini") == 1
    if isinstance(caught.value, errors.APIError):
        assert caught.value.status
        assert caught.value.message


def test_google_blocks(emulator, google, vertex):
    def ask(client: genai.Client) -> types.GenerateContentResponse:
        return client.models.generate_content(model="gemini-2.5-flash-image", contents="a fox")

    emulator.script("gemini", Fault("moderation"), Fault("moderation", variant="prompt"), Fault("moderation"))
    first = ask(google)
    assert first.candidates[0].finish_reason == types.FinishReason.IMAGE_SAFETY
    assert first.parts is None
    second = ask(google)
    assert second.candidates is None
    assert second.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert "safety" in ask(vertex).candidates[0].finish_message
