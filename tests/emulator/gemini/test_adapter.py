from __future__ import annotations

import asyncio

import httpx2
import pydantic
import pytest
from google import genai
from google.genai import errors, types
from support.emulated import KEY, PATHS, generation_config, picture, timeout_for

from imagegen_nb.emulator import Emulator, Fault

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
    options = types.HttpOptions(timeout=int(1000 * timeout_for(fault)))
    config = types.GenerateContentConfig(http_options=options)
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


DRAW = types.GenerateContentConfig(response_modalities=["IMAGE"])


FLASH = "gemini-2.5-flash-image"


def test_both_versions_and_both_surfaces(emulator, vertex):
    for version in ("v1", "v1beta"):
        options = types.HttpOptions(base_url=f"{emulator.url}/gemini", api_version=version)
        with genai.Client(api_key=KEY, http_options=options) as client:
            assert client.models.generate_content(model=FLASH, contents="a fox", config=DRAW).parts
    with genai.Client(
        enterprise=True, api_key=KEY, http_options=types.HttpOptions(base_url=f"{emulator.url}/gemini")
    ) as express:
        assert express.models.generate_content(model=FLASH, contents="a fox", config=DRAW).parts
    image_config = types.ImageConfig(output_mime_type="image/jpeg", output_compression_quality=50)
    response = vertex.models.generate_content(
        model=FLASH, contents="a fox", config=DRAW.model_copy(update={"image_config": image_config})
    )
    assert picture(response.parts[0].inline_data.data).format == "JPEG"
    assert response.usage_metadata.traffic_type.value == "ON_DEMAND"
    assert [request.path.split("/")[2] for request in emulator.requests] == [
        "v1",
        "v1beta",
        "v1beta1",
        "v1beta1",
    ]
    assert "/projects/p/locations/global/publishers/google/" in emulator.requests[-1].path
    assert {request.model for request in emulator.requests} == {FLASH}


async def test_async_and_parallel(emulator):
    options = types.HttpOptions(base_url=f"{emulator.url}/gemini", api_version="v1beta")
    client = genai.Client(api_key=KEY, http_options=options)
    responses = await asyncio.gather(
        *(client.aio.models.generate_content(model=FLASH, contents="a fox", config=DRAW) for _ in range(8))
    )
    await client.aio.aclose()
    client.close()
    assert len({response.parts[0].inline_data.data for response in responses}) == 1
    assert emulator.count("gemini") == 8


def test_numbered_calls_get_pictures_of_their_own(emulator: Emulator) -> None:
    body = {"contents": [{"parts": [{"text": "a lamp"}]}], "generationConfig": generation_config()}

    def drawn(number: str | None = None) -> str:
        headers = {"x-goog-api-key": KEY} | ({"x-imagegen-nb-call": number} if number else {})
        response = httpx2.post(f"{emulator.url}{PATHS['gemini']}", json=body, headers=headers).json()
        return response["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]

    assert drawn("0") != drawn("1")
    assert drawn("1") == drawn("1")
    assert drawn("not a number") == drawn()
