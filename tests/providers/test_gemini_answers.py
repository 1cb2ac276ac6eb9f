"""Questions about a picture in Google's words: the schema as it is sent, and what is made of answers."""

from __future__ import annotations

import json

import pytest

from imagegen_nb.core.types import ResponseMetadata, VisionRequest
from imagegen_nb.errors import InvalidResponse, ModerationBlocked
from imagegen_nb.providers import gemini_answers
from imagegen_nb.providers.gemini_content import answer_metadata
from imagegen_nb.providers.http.response import ProviderResponse

REQUEST = VisionRequest(
    model="gemini-3-flash-preview",
    question="Is it blue?",
    image=b"",
    media_type="image/png",
    schema={},
    most_tokens=500,
)
PAID = ResponseMetadata(reported={"totalTokenCount": 9})


def read(answer: dict[str, object]):
    response = ProviderResponse("gemini", 200, {}, json.dumps(answer).encode())
    return gemini_answers.read(REQUEST, response, answer, PAID)


def candidate(*parts: object, reason: str = "STOP") -> dict[str, object]:
    return {"candidates": [{"content": {"parts": [*parts]}, "finishReason": reason}]}


def test_a_schema_is_sent_in_the_subset_google_takes():
    wanted = {
        "type": "object",
        "properties": {"why": {"type": "string"}, "score": {"type": "number", "minimum": 0, "maximum": 5}},
        "required": ["why", "score"],
        "additionalProperties": False,
    }
    assert gemini_answers.schema(wanted) == {
        "type": "OBJECT",
        "properties": {"why": {"type": "STRING"}, "score": {"type": "NUMBER", "minimum": 0, "maximum": 5}},
        "required": ["why", "score"],
        "property_ordering": ["why", "score"],
    }


def test_the_text_is_read_without_thoughts():
    answer = read(candidate({"text": "hm", "thought": True}, {"text": '{"a":'}, {"text": "1}"}))
    assert (answer.text, answer.error) == ('{"a":1}', None)


@pytest.mark.parametrize(
    "reason", ["SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII"]
)
def test_a_withheld_answer_is_a_refusal(reason):
    error = read({"candidates": [{"finishReason": reason}]}).error
    assert isinstance(error, ModerationBlocked)
    assert reason in str(error)


def test_a_blocked_prompt_is_a_refusal_in_googles_words():
    error = read({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "not this one"}}).error
    assert isinstance(error, ModerationBlocked)
    assert "“not this one”" in str(error)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (candidate({"text": '{"a'}, reason="MAX_TOKENS"), "cut off at 500 tokens"),
        (candidate(reason="OTHER"), "without any text (OTHER)"),
        (candidate({"text": 5}, None, {"text": ""}), "without any text"),
        ({"candidates": None}, "without any text"),
        ({"candidates": [None]}, "without any text"),
        ({}, "without any text"),
    ],
    ids=str,
)
def test_what_is_no_answer_says_why(answer, says):
    error = read(answer).error
    assert isinstance(error, InvalidResponse)
    assert says in str(error)


def usage(**counts: object) -> dict[str, int]:
    answer = {"usageMetadata": counts, "modelVersion": "m", "responseId": "r1"}
    response = ProviderResponse("gemini", 200, {}, b"{}")
    metadata = answer_metadata(answer, response, "m")
    assert metadata.request_id == "r1"
    return {**{f"in {k}": v for k, v in metadata.usage.input.items()}, **metadata.usage.output}


def test_usage_by_kind():
    details = [{"modality": "TEXT", "tokenCount": 30}, {"modality": "IMAGE", "tokenCount": 1120}]
    counts = usage(
        promptTokenCount=1150,
        promptTokensDetails=details,
        candidatesTokenCount=40,
        thoughtsTokenCount=60,
        totalTokenCount=1250,
    )
    assert counts == {"in image": 1120, "in text": 30, "text": 40, "thoughts": 60}


def test_itemised_tokens_without_a_picture_say_that_none_came():
    only_text = [{"modality": "TEXT", "tokenCount": 30}]
    assert usage(promptTokenCount=30, promptTokensDetails=only_text) == {"in image": 0, "in text": 30}
    assert usage(promptTokenCount=30) == {"in text": 30}  # nobody says
