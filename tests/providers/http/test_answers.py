from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from imagegen_nb.core.types import ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.errors import InvalidResponse, ModerationBlocked, ProviderError, ProviderFault
from imagegen_nb.judges import verdict
from imagegen_nb.judges.verdict import NoVerdict
from imagegen_nb.providers import gemini_answers, gemini_content, openai, openai_answers, xai
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.http.answers import answer_of
from imagegen_nb.providers.http.response import ProviderResponse

REQUEST = VisionRequest(
    model="m", question="?", image=b"", media_type="image/png", schema={}, most_tokens=500
)
CONNECTION = Connection(base_url="https://host.example", credential=Credential(SecretStr("k" * 20), "me"))
PAID = ResponseMetadata(request_id="r1", reported={"total_tokens": 9})


def response(broken=None) -> ProviderResponse:
    return ProviderResponse("openai", 200, {}, b"", broken=broken)


def test_text_is_an_answer():
    answer = answer_of("{}", REQUEST, response(), PAID)
    assert (answer.text, answer.error, answer.metadata) == ("{}", None, PAID)


def test_a_refusal_goes_before_everything():
    error = answer_of("", REQUEST, response(), PAID, refused="I will not.", cut_off=True).error
    assert isinstance(error, ModerationBlocked)
    assert "“I will not.”" in str(error)
    assert (error.request_id, error.charge) == ("r1", "charged")


def test_a_refusal_without_words_or_usage():
    error = answer_of("{}", REQUEST, response(), ResponseMetadata(), refused=True).error
    assert str(error) == "openai: the model refused to answer [HTTP 200, charge unknown]"


def test_what_was_cut_off_says_where():
    error = answer_of('{"sc', REQUEST, response(), PAID, cut_off=True).error
    assert isinstance(error, InvalidResponse)
    assert "cut off at 500 tokens" in str(error)


def test_what_broke_off_says_so():
    broken = ProviderFault("the connection broke", provider="openai", charge="unknown")
    assert answer_of("{}", REQUEST, response(broken), PAID).error is broken


def test_nothing_said_names_the_end():
    assert "without any text (OTHER)" in str(answer_of(" \n", REQUEST, response(), PAID, ended="OTHER").error)


# Whatever comes


NAMES = st.sampled_from(
    (
        *("output", "content", "type", "text", "refusal", "usage", "error", "status", "incomplete_details"),
        *("choices", "message", "finish_reason", "prompt_tokens_details", "completion_tokens_details"),
        *("candidates", "parts", "thought", "promptFeedback", "blockReason", "finishReason", "usageMetadata"),
        *("promptTokensDetails", "modality", "tokenCount", "input_tokens", "input_tokens_details", "model"),
    )
)
WORDS = st.sampled_from(
    ("output_text", "refusal", "message", "STOP", "SAFETY", "MAX_TOKENS", "length", "IMAGE")
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | WORDS
ANSWERS = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=9
    ),
)


def of_openai(answer: dict[str, object], response: ProviderResponse) -> VisionAnswer:
    return openai_answers.read(
        REQUEST, response, lambda details: openai._reported(details, response, CONNECTION)
    )


def of_xai(answer: dict[str, object], response: ProviderResponse) -> VisionAnswer:
    return xai._read_answer(REQUEST, response)


def of_gemini(answer: dict[str, object], response: ProviderResponse) -> VisionAnswer:
    metadata = gemini_content.answer_metadata(answer, response, "m")
    return gemini_answers.read(REQUEST, response, answer, metadata)


@pytest.mark.parametrize("read", [of_openai, of_xai, of_gemini])
@given(ANSWERS)
def test_any_json_is_an_answer_or_one_of_our_errors(read, answer):
    body = json.dumps(answer).encode()
    with suppress(ProviderError):
        found = read(answer, ProviderResponse("openai", 200, {}, body))
        assert isinstance(found.text, str)
        assert found.error is not None or found.text.strip()
        assert all(type(count) is int and count >= 0 for count in found.metadata.usage.input.values())
        with suppress(NoVerdict):
            assert 0 <= verdict.read(found, (0, 10))["score"] <= 10
