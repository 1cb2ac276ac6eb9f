"""Google's `generateContent` for a model that answers with text, as its SDK and a plain client see it."""

from __future__ import annotations

import base64
import json

import pytest
from support.images import picture

from imagegen_nb.emulator import Fault

PATH = "/gemini/v1beta/models/gemini-3-flash-preview:generateContent"
SCHEMA = {
    "type": "OBJECT",
    "properties": {"why": {"type": "STRING"}, "score": {"type": "NUMBER", "minimum": 0, "maximum": 10}},
    "required": ["why", "score"],
}
IMAGE = base64.b64encode(picture("PNG")).decode()
CONFIG = {"responseMimeType": "application/json", "responseSchema": SCHEMA, "maxOutputTokens": 1000}


def question(data: str = IMAGE, media_type: str = "image/png", **config: object) -> dict[str, object]:
    parts = [{"inlineData": {"data": data, "mimeType": media_type}}, {"text": "Is it blue?"}]
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": {**CONFIG, **config}}


def test_an_answer_fits_the_schema_and_counts_the_picture(http):
    answer = http.post(PATH, json=question()).json()
    told = json.loads(answer["candidates"][0]["content"]["parts"][0]["text"])
    assert 0 <= told["score"] <= 10
    assert "EMULATED" in told["why"]
    usage = answer["usageMetadata"]
    counts = {each["modality"]: each["tokenCount"] for each in usage["promptTokensDetails"]}
    assert counts["IMAGE"] == 1120
    assert usage["promptTokenCount"] == sum(counts.values())


def test_either_alphabet_of_base64_is_read(http):
    urlsafe = question(IMAGE.replace("+", "-").replace("/", "_"))
    text = [http.post(PATH, json=body).json()["candidates"] for body in (question(), urlsafe)]
    assert text[0] == text[1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (question("AAAA"), "Unable to process input image"),
        (question(media_type="text/plain"), "Unable to process input image"),
        (question(responseMimeType="text/plain"), "not supported with a response schema"),
        (question(responseSchema={"type": "ARRAY"}), "Invalid value"),
        (question(responseSchema={**SCHEMA, "additionalProperties": False}), "Unknown name"),
        (question(responseSchema={**SCHEMA, "required": ["other"]}), "property is not defined"),
        (question(maxOutputTokens=0), "must be positive"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"parts": [{"text": "no picture"}]}]}, "one picture only"),
        ({"surprise": 1}, "Unknown name"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_what_the_provider_refuses_is_refused(http, body, says):
    response = http.post(PATH, json=body)
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]


def test_a_bound_that_is_too_low_ends_the_answer(http):
    answer = http.post(PATH, json=question(maxOutputTokens=20)).json()
    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert answer["usageMetadata"]["thoughtsTokenCount"] == 20


def test_blocks_come_as_successes(http, emulator):
    emulator.script("gemini", Fault("moderation"), Fault("moderation", variant="prompt"))
    assert http.post(PATH, json=question()).json()["candidates"] == [{"finishReason": "SAFETY", "index": 0}]
    assert http.post(PATH, json=question()).json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}


def test_a_key_and_a_known_model_are_needed(http):
    refused = http.post(PATH, json=question(), headers={"authorization": "", "x-goog-api-key": ""})
    assert refused.status_code == 403
    unknown = http.post(PATH.replace("gemini-3-flash-preview", "gemini-9"), json=question())
    assert unknown.status_code == 404
