from __future__ import annotations

import asyncio

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from support.emulated import KEY, PATHS, good, picture

from imagegen_nb.emulator import Emulator
from imagegen_nb.emulator.gemini.models import MODELS

DRAW = types.GenerateContentConfig(response_modalities=["IMAGE"])
FLASH = "gemini-2.5-flash-image"


def config(**image: str) -> dict:
    return {"responseModalities": ["IMAGE"], "imageConfig": image}


REFUSED = [
    ({"surprise": 1}, 'Invalid JSON payload received. Unknown name "surprise": Cannot find field.'),
    ({"generationConfig": {"size": "1"}}, "Unknown name \"size\" at 'generation_config': Cannot find field."),
    ({"generationConfig": config(outputMimeType="image/png")}, "at 'generation_config.image_config'"),
    ({"generationConfig": config(personGeneration="ALLOW_ALL")}, "Cannot find field"),
    ({"labels": {"a": "b"}}, "Cannot find field"),
    ({"generationConfig": config(aspectRatio="7:3")}, "aspect ratio"),
    ({"generationConfig": config(aspectRatio="1:8")}, "aspect ratio"),
    ({"generationConfig": {"imageConfig": {"aspectRatio": [1]}}}, "aspect ratio"),
    ({"generationConfig": config(imageSize="2K")}, "image size"),
    ({"generationConfig": {"candidateCount": 2}}, "Multiple candidates is not enabled for this model"),
    ({"generationConfig": {"responseModalities": ["AUDIO"]}}, "modalities"),
    ({"generationConfig": []}, "expected an object"),
    ({"contents": None}, "contents is not specified"),
    ({"contents": []}, "contents is not specified"),
    ({"contents": [{"parts": [{"text": ""}]}]}, "text parameter"),
    ({"contents": [{"parts": [{"text": 5}]}]}, "TYPE_STRING"),
    ({"contents": [{"parts": [{"words": "a"}]}]}, "at 'contents[0].parts[0]'"),
    ({"contents": [[{"parts": []}]]}, "expected an object"),
    ({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}, "valid role"),
    ({"contents": [{"parts": [{"text": "x" * 140_000}]}]}, "input token count"),
]


@pytest.mark.parametrize(("change", "text"), REFUSED)
def test_strict(post, change, text):
    answer = post("gemini", **change)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert text in error["message"]


def test_not_json(http):
    assert http.post(PATHS["gemini"], content=b"{").json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("ratio", MODELS[FLASH].pixels)
def test_every_ratio(google, ratio):
    image_config = types.ImageConfig(aspect_ratio=ratio)
    answer = google.models.generate_content(
        model=FLASH, contents="a fox", config=DRAW.model_copy(update={"image_config": image_config})
    )
    blob = answer.candidates[0].content.parts[0].inline_data
    image = picture(blob.data)
    assert (blob.mime_type, image.format, image.size) == ("image/png", "PNG", MODELS[FLASH].pixels[ratio])
    assert answer.usage_metadata.candidates_token_count == 1290
    assert answer.usage_metadata.total_token_count == 1292
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.model_version == FLASH
    assert answer.response_id


@pytest.mark.parametrize(
    ("size", "tokens", "edge"), [("512", 747, 512), ("1K", 1120, 1024), ("2K", 1680, 2048)]
)
def test_3_1_sizes(post, http, size, tokens, edge):
    path = PATHS["gemini"].replace(FLASH, "gemini-3.1-flash-image")
    answer = http.post(path, json={**good("gemini"), "generationConfig": config(imageSize=size)}).json()
    assert answer["usageMetadata"]["candidatesTokenCount"] == tokens
    assert picture(answer["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]).size == (edge, edge)


def test_text_comes_along_unless_only_pictures_are_asked_for(google):
    answer = google.models.generate_content(model=FLASH, contents="a fox")
    assert [bool(part.text) for part in answer.parts] == [True, False]
    modalities = {detail.modality.value for detail in answer.usage_metadata.candidates_tokens_details}
    assert modalities == {"TEXT", "IMAGE"}
    answer = google.models.generate_content(
        model=FLASH, contents="a fox", config=types.GenerateContentConfig(response_modalities=["TEXT"])
    )
    assert answer.text
    assert all(part.inline_data is None for part in answer.parts)


def test_snake_case_and_a_reference_picture(http):
    blob = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}
    body = {
        "contents": [{"role": "user", "parts": [{"text": "a fox"}, blob]}],
        "generation_config": {"response_modalities": ["IMAGE"], "image_config": {"aspect_ratio": "16:9"}},
    }
    answer = http.post(PATHS["gemini"], json=body).json()
    assert answer["usageMetadata"]["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 2},
        {"modality": "IMAGE", "tokenCount": 258},
    ]


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
    answer = vertex.models.generate_content(
        model=FLASH, contents="a fox", config=DRAW.model_copy(update={"image_config": image_config})
    )
    assert picture(answer.parts[0].inline_data.data).format == "JPEG"
    assert answer.usage_metadata.traffic_type.value == "ON_DEMAND"
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
    answers = await asyncio.gather(
        *(client.aio.models.generate_content(model=FLASH, contents="a fox", config=DRAW) for _ in range(8))
    )
    await client.aio.aclose()
    client.close()
    assert len({answer.parts[0].inline_data.data for answer in answers}) == 1
    assert emulator.count("gemini") == 8


def test_keys(emulator, http):
    def refusal(path: str, **headers: str) -> dict:
        return httpx2.post(emulator.url + path, json=good("gemini"), headers=headers).json()["error"]

    project = f"/gemini/v1beta1/projects/p/locations/l/publishers/google/models/{FLASH}:generateContent"
    assert refusal(PATHS["gemini"])["status"] == "PERMISSION_DENIED"
    bad = refusal(PATHS["gemini"], **{"x-goog-api-key": "an-invalid-key"})
    assert (bad["code"], bad["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert refusal(project)["status"] == "UNAUTHENTICATED"
    assert refusal(project, authorization="Bearer invalid")["code"] == 401
    asked = httpx2.post(f"{emulator.url}{PATHS['gemini']}?key=AIza-secret", json=good("gemini"))
    assert asked.status_code == 200
    assert "AIza-secret" not in repr(emulator.requests)


def test_unknown_and_retired_models(emulator, google, vertex):
    for client in (google, vertex):
        with pytest.raises(errors.ClientError) as caught:
            client.models.generate_content(model="gemini-9", contents="a fox")
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    emulator.retired = True
    with pytest.raises(errors.ClientError, match="not found for API version v1beta"):
        google.models.generate_content(model=FLASH, contents="a fox")
    assert google.models.generate_content(model="gemini-3.1-flash-image", contents="a fox", config=DRAW).parts


def test_numbered_calls_get_pictures_of_their_own(emulator: Emulator) -> None:
    body = {"contents": [{"parts": [{"text": "a lamp"}]}], "generationConfig": config()}

    def drawn(number: str | None = None) -> str:
        headers = {"x-goog-api-key": KEY} | ({"x-imagegen-nb-call": number} if number else {})
        answer = httpx2.post(f"{emulator.url}{PATHS['gemini']}", json=body, headers=headers).json()
        return answer["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]

    assert drawn("0") != drawn("1")
    assert drawn("1") == drawn("1")
    assert drawn("not a number") == drawn()
