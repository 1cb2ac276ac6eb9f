from __future__ import annotations

import asyncio
import json

import httpx2
import openai
import pytest
from support.emulated import KEY, timeout_for

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
        oai.with_options(timeout=timeout_for(fault)).images.generate(model="gpt-image-2", prompt="a fox")
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
        base_url=f"{emulator.url}/openai/v1", api_key=KEY, max_retries=0, timeout=timeout_for(fault)
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


async def test_the_async_client_and_twenty_at_once(emulator):
    async with openai.AsyncOpenAI(base_url=f"{emulator.url}/openai/v1", api_key=KEY, max_retries=0) as client:
        responses = await asyncio.gather(
            *(
                client.images.generate(model="gpt-image-2", prompt=f"fox {i % 5}", size="816x816")
                for i in range(20)
            )
        )
        assert len({response.data[0].b64_json for response in responses}) == 5
        events = [event async for event in await client.images.generate(
            model="gpt-image-2", prompt="a fox", stream=True, partial_images=1)]  # fmt: skip
    assert len(events) == 2
    assert emulator.count("openai") == 21 == len({request.at for request in emulator.requests})
