from __future__ import annotations

from imagegen_nb.core.types import ResponseMetadata, VisionRequest
from imagegen_nb.errors import InvalidResponse, ModerationBlocked, ProviderFault
from imagegen_nb.providers.http.answers import answer_of
from imagegen_nb.providers.http.response import ProviderResponse

REQUEST = VisionRequest(
    model="m", question="?", image=b"", media_type="image/png", schema={}, most_tokens=500
)
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
