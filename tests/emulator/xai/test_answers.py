"""xAI's chat completions with a picture, as OpenAI's SDK and a plain client see them."""

from __future__ import annotations

import base64
import json

import pytest
from support.images import picture

from imagegen_nb.emulator import Fault

PATH = "/xai/v1/chat/completions"
URL = f"data:image/jpeg;base64,{base64.b64encode(picture('JPEG')).decode()}"
WEBP = f"data:image/webp;base64,{base64.b64encode(picture('WEBP')).decode()}"
SCHEMA = {
    "type": "object",
    "properties": {"why": {"type": "string"}, "score": {"type": "number", "minimum": 0, "maximum": 10}},
    "required": ["why", "score"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}


def question(url: object = URL, **changes: object) -> dict[str, object]:
    content = [
        {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
        {"type": "text", "text": "Is it blue?"},
    ]
    body = {"model": "grok-4.6", "messages": [{"role": "user", "content": content}]}
    return {**body, "response_format": FORMAT, "max_completion_tokens": 1000, **changes}


def test_the_sdk_reads_the_answer_and_its_price(grok):
    completion = grok.chat.completions.create(**question())
    told = json.loads(completion.choices[0].message.content)
    assert 0 <= told["score"] <= 10
    assert "EMULATED" in told["why"]
    usage = completion.usage.to_dict()
    details = usage["prompt_tokens_details"]
    assert details["image_tokens"] == 512  # one tile, and one more
    assert usage["prompt_tokens"] == details["image_tokens"] + details["text_tokens"]
    thoughts = usage["completion_tokens_details"]["reasoning_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] + thoughts
    dollars = 2 * usage["prompt_tokens"] + 6 * (usage["completion_tokens"] + thoughts)
    assert usage["cost_in_usd_ticks"] == dollars * 10_000


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ([], 422, "expected a JSON object"),
        ({"model": "grok-4.6"}, 422, "missing field `messages`"),
        ({"messages": []}, 422, "missing field `model`"),
        (question(model="grok-imagine-image"), 404, "does not exist"),
        (question(messages="x"), 422, "messages: invalid type"),
        (question(messages=[]), 400, "one picture only"),
        (question("https://host.example/a.png"), 400, "data URL"),
        (question("data:image/png;base64,AAAA"), 400, "Unsupported or invalid image"),
        (question(WEBP), 400, "jpg/jpeg and png"),
        (question(max_completion_tokens=0), 422, "positive integer"),
        (question(response_format={"type": "json_schema"}), 422, "json_schema"),
        (question(messages=[{"role": "user", "content": [{"type": "audio"}]}]), 422, "unknown content part"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_what_the_provider_refuses_is_refused(http, body, status, says):
    response = http.post(PATH, json=body)
    assert response.status_code == status
    assert says in response.text


def test_a_key_is_needed(http):
    assert http.post(PATH, json=question(), headers={"authorization": ""}).status_code == 401


def test_a_bound_that_is_too_low_ends_the_answer(http):
    answer = http.post(PATH, json=question(max_completion_tokens=20)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20


def test_a_refusal(http, emulator):
    emulator.script("xai", Fault("moderation"), Fault("moderation", variant="prompt"))
    message = http.post(PATH, json=question()).json()["choices"][0]["message"]
    assert message["refusal"]
    assert message["content"] == ""
    assert http.post(PATH, json=question()).status_code == 400
