from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.genai import types

from imagegen_nb.emulator import Fault


def test_google_moderation_is_a_200(emulator, post):
    emulator.script(
        "gemini",
        Fault("moderation"),
        Fault("moderation", code="IMAGE_PROHIBITED_CONTENT"),
        Fault("moderation", variant="prompt"),
    )
    first, second, third = (post("gemini") for _ in range(3))
    assert {response.status_code for response in (first, second, third)} == {200}
    (candidate,) = first.json()["candidates"]
    assert candidate["finishReason"] == "IMAGE_SAFETY"
    assert "content" not in candidate
    assert second.json()["candidates"][0]["finishReason"] == "IMAGE_PROHIBITED_CONTENT"
    assert third.json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in third.json()


FLASH = "gemini-2.5-flash-image"


def test_text_comes_along_unless_only_pictures_are_asked_for(google):
    response = google.models.generate_content(model=FLASH, contents="a fox")
    assert [bool(part.text) for part in response.parts] == [True, False]
    usage = response.usage_metadata
    # As recorded: the image alone is itemised, and the text stands in the count.
    assert [(detail.modality.value, detail.token_count) for detail in usage.candidates_tokens_details] == [
        ("IMAGE", 1290)
    ]
    assert usage.candidates_token_count > 1290
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    response = google.models.generate_content(
        model=FLASH, contents="a fox", config=types.GenerateContentConfig(response_modalities=["TEXT"])
    )
    assert response.text
    assert all(part.inline_data is None for part in response.parts)


WIRE = Path(__file__).parents[3].parent / "shared" / "wire"


def recording(name: str) -> dict[str, Any]:
    path = WIRE / name
    if not path.exists():
        pytest.skip(f"no recording {name} beside the checkout")
    data = json.loads(path.read_text())
    for side in ("request", "response"):
        if isinstance(data[side]["body"], str):
            data[side]["body"] = json.loads(data[side]["body"])
    return data


def shape(value: Any) -> Any:
    """Keys and types only."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def replay(http, recorded) -> Any:
    uri = recorded["request"]["uri"].split(".com", 1)[1]
    return http.post("/gemini" + uri, json=recorded["request"]["body"])


def test_vertex_picture(http):
    recorded = recording("gemini-2.5-flash-image.vertex.json")
    response = replay(http, recorded)
    theirs, ours = recorded["response"]["body"], response.json()
    assert response.headers["content-type"] == recorded["response"]["headers"]["content-type"][0]
    assert shape(ours) == shape(theirs)
    assert ours["usageMetadata"]["candidatesTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 1290}
    assert ours["candidates"][0]["finishReason"] == theirs["candidates"][0]["finishReason"]


def test_developer_text_only(http, emulator):
    from imagegen_nb.emulator import Fault

    recorded = recording("gemini-2.5-flash-image.text-only.json")
    emulator.script("gemini", Fault("text_only"))
    response = replay(http, recorded)
    assert shape(response.json()) == shape(recorded["response"]["body"])
