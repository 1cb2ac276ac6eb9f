"""Whatever a model says: a score within the scale, or the reason why there is none."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import plain_values

from imagegen_nb.core.types import ResponseMetadata, Usage, VisionAnswer
from imagegen_nb.judges import verdict
from imagegen_nb.judges.verdict import NoVerdict

SCALE = (0, 10)


def said(text: str, tokens: dict[str, int]) -> VisionAnswer:
    metadata = ResponseMetadata(usage=Usage(input=tokens))
    return VisionAnswer(text=text, metadata=metadata)


def read(text: str, **tokens: int) -> dict[str, object] | None:
    """The verdict, None where there is none; anything else that is raised fails the test."""
    try:
        return verdict.read(said(text, tokens), SCALE)
    except NoVerdict:
        return None


def sound(found: dict[str, object], scale: tuple[float, float]) -> bool:
    score = found["score"]
    return type(score) is float and math.isfinite(score) and scale[0] <= score <= scale[1]


def test_a_verdict_is_read():
    text = '{"image_seen": true, "reason": " Whole,\\n and blue. ", "score": 7}'
    assert read(text, image=900) == {"score": 7.0, "reason": "Whole, and blue."}


@given(st.text() | plain_values.map(json.dumps) | st.text().map(lambda rest: '{"score": 5' + rest))
def test_no_text_makes_a_score_up(text):
    found = read(text)
    assert found is None or sound(found, SCALE)


@given(st.dictionaries(st.sampled_from(["score", "reason", "image_seen", "x"]), plain_values))
def test_only_a_number_within_the_scale_is_a_score(told):
    found = read(json.dumps(told))
    score = told.get("score")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    expected = is_number and 0 <= score <= 10 and told.get("image_seen") is True
    assert (found is not None) == expected
    assert found is None or found["score"] == score


@given(
    st.sampled_from(["1e999", "-1e999", "NaN", "Infinity", "9" * 5000, "1" * 400, "1e-999", "-0.0", "10.0"])
)
def test_numbers_at_the_ends_of_what_json_can_say(number):
    found = read(f'{{"image_seen": true, "reason": "", "score": {number}}}')
    assert found is None or sound(found, SCALE)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"score":' * 50_000, '{"a":{"score":7}}'])
def test_what_is_nested_is_no_verdict(text):
    assert read(text) is None


def test_where_the_provider_counts_no_image_token_no_image_came():
    text = '{"image_seen": true, "reason": "lovely", "score": 9}'
    assert read(text, image=0) is None
    assert read(text) is not None  # OpenAI does not tell


@pytest.mark.parametrize("seen", ['"false"', '"no"', "0", "false", "[]", "null"])
@pytest.mark.parametrize("image", [None, 900])
def test_only_a_picture_that_was_seen_is_judged(seen, image):
    counted = seen == "null" and image is not None  # the provider has counted it, which is as good
    found = read(f'{{"image_seen": {seen}, "reason": "lovely", "score": 9}}', image=image)
    assert (found is not None) is counted


def test_a_model_that_leaves_out_whether_it_saw_one_is_believed_where_its_tokens_were_counted():
    assert read('{"score": 9}') is None
    assert read('{"score": 9}', image=900) == {"score": 9.0, "reason": ""}


def test_a_reason_is_bounded():
    found = read(json.dumps({"image_seen": True, "reason": "a" * 10_000, "score": 1}))
    assert len(found["reason"]) == 2001


@pytest.mark.parametrize("scale", [(0, 10), (-1.5, 2.5), (1, 5)])
def test_the_question_and_the_schema_name_the_scale(scale):
    low, high = (f"{bound:g}" for bound in scale)
    text = verdict.question("Is it blue?", scale)
    assert "Is it blue?" in text
    assert f"from {low} to {high}" in " ".join(text.split())
    score = verdict.schema(scale)["properties"]["score"]
    assert (score["minimum"], score["maximum"]) == scale


@given(st.text(min_size=1))
def test_any_rubric_stands_in_the_question_as_it_is(rubric):
    assert rubric in verdict.question(rubric, SCALE)
