from __future__ import annotations

import httpx2
import pytest
from google.genai import errors, types
from support.emulated import PATHS, generation_config, good

DRAW = types.GenerateContentConfig(response_modalities=["IMAGE"])


FLASH = "gemini-2.5-flash-image"


REFUSED = [
    ({"surprise": 1}, 'Invalid JSON payload received. Unknown name "surprise": Cannot find field.'),
    ({"generationConfig": {"size": "1"}}, "Unknown name \"size\" at 'generation_config': Cannot find field."),
    (
        {"generationConfig": generation_config(outputMimeType="image/png")},
        "at 'generation_config.image_config'",
    ),
    ({"generationConfig": generation_config(personGeneration="ALLOW_ALL")}, "Cannot find field"),
    ({"labels": {"a": "b"}}, "Cannot find field"),
    ({"generationConfig": generation_config(aspectRatio="7:3")}, "aspect ratio"),
    ({"generationConfig": generation_config(aspectRatio="1:8")}, "aspect ratio"),
    ({"generationConfig": {"imageConfig": {"aspectRatio": [1]}}}, "aspect ratio"),
    ({"generationConfig": generation_config(imageSize="2K")}, "image size"),
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
    response = post("gemini", **change)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert text in error["message"]


def test_not_json(http):
    assert http.post(PATHS["gemini"], content=b"{").json()["error"]["status"] == "INVALID_ARGUMENT"


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
