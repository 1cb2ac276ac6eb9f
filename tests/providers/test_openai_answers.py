"""The Responses API's body as it is sent, and what is made of answers that were seen or may come."""

from __future__ import annotations

import base64
import json

import pytest

from imagegen_nb.core.types import VisionRequest
from imagegen_nb.errors import InvalidResponse, ModerationBlocked, ProviderFault
from imagegen_nb.providers import openai_answers
from imagegen_nb.providers.http.response import ProviderResponse

REQUEST = VisionRequest(
    model="gpt-5.4-mini",
    question="Is it blue?",
    image=b"\x89PNG",
    media_type="image/png",
    schema={"type": "object"},
    most_tokens=500,
)
USAGE = {
    "input_tokens": 900,
    "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 0},
    "output_tokens": 70,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 970,
}


def read(answer: dict[str, object]):
    response = ProviderResponse("openai", 200, {"x-request-id": "r1"}, json.dumps(answer).encode())
    return openai_answers.read(REQUEST, response, lambda details: ProviderFault(str(details["message"])))


def message(*parts: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "status": "completed",
        "output": [{"type": "message", "content": [*parts]}],
        "usage": USAGE,
        **more,
    }


TEXT = {"type": "output_text", "text": '{"score": 7}', "annotations": []}


def test_the_body_asks_for_json_and_keeps_nothing():
    body = openai_answers.body(REQUEST)
    text, image = body["input"][0]["content"]
    assert text == {"type": "input_text", "text": "Is it blue?"}
    assert image["image_url"] == f"data:image/png;base64,{base64.b64encode(REQUEST.image).decode()}"
    assert (body["max_output_tokens"], body["store"]) == (500, False)
    assert body["text"]["format"]["strict"] is True


def test_text_and_usage_are_read():
    answer = read(message(TEXT, model="gpt-5.4-mini-2026-03-17"))
    assert (answer.text, answer.error) == ('{"score": 7}', None)
    usage = answer.metadata.usage
    assert (usage.input, usage.output, usage.total) == ({"text": 900}, {"thoughts": 30, "text": 40}, 970)
    assert answer.metadata.answered_by == "gpt-5.4-mini-2026-03-17"
    assert answer.metadata.request_id == "r1"


def test_image_tokens_are_told_apart_where_somebody_counts_them():
    usage = {**USAGE, "input_tokens_details": {"image_tokens": 800}}
    assert read(message(TEXT, usage=usage)).metadata.usage.input == {"image": 800, "text": 100}


def test_thoughts_beside_the_answer_are_no_text():
    answer = message(TEXT)
    answer["output"].insert(0, {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]})
    assert read(answer).text == '{"score": 7}'


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (message({"type": "refusal", "refusal": "No."}), ModerationBlocked),
        (message({"type": "refusal"}), ModerationBlocked),
        (message(incomplete_details={"reason": "content_filter"}, status="incomplete"), ModerationBlocked),
        (message(incomplete_details={"reason": "max_output_tokens"}, status="incomplete"), InvalidResponse),
        (message(TEXT, incomplete_details={"reason": "max_output_tokens"}), InvalidResponse),
        (message({"type": "output_text", "text": None}), InvalidResponse),
        (message({"type": "output_text", "text": 7}), InvalidResponse),
        ({"output": None, "usage": None}, InvalidResponse),
        ({"output": [None, 7, {"content": "x"}], "usage": []}, InvalidResponse),
        ({}, InvalidResponse),
    ],
    ids=str,
)
def test_what_is_no_answer_says_why(answer, kind):
    assert type(read(answer).error) is kind


def test_a_failure_that_came_as_a_success_is_raised():
    with pytest.raises(ProviderFault, match="the server failed"):
        read({"status": "failed", "error": {"code": "server_error", "message": "the server failed"}})
