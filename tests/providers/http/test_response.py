"""Reading answers: JSON and base64, error kinds by status, waiting times, redacted words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from imagegen_nb import errors
from imagegen_nb.errors import InvalidResponse
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.http import response
from imagegen_nb.providers.http.response import ProviderResponse, echoed_settings, failure

KEY = "odd/key+0123456789"
CONNECTION = Connection(base_url="https://host.example", credential=Credential(SecretStr(KEY), "nobody"))


def answered(body: bytes = b"{}", status: int = 200, **headers: str) -> ProviderResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderResponse("openai", status, {"x-request-id": "id-1", **named}, body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "an empty body"),
        (b"  <html>", "an HTML page"),
        (b"\xff", "not valid JSON"),
        (b"an image", "not valid JSON"),
        (b"[1]", "a JSON list"),
        (b"null", "where an object was expected"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_bodies_that_are_no_json_object(body, says):
    with pytest.raises(InvalidResponse) as caught:
        answered(body).json()
    error = caught.value
    assert says in str(error)
    assert (error.provider, error.status, error.request_id, error.charge) == (
        "openai",
        200,
        "id-1",
        "unknown",
    )
    assert error.__context__ is error.__cause__ is None
    assert answered(body).json_or_empty() == {}


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_an_invalid_response(body):
    try:
        assert isinstance(answered(body).json(), dict)
    except InvalidResponse:
        assert answered(body).json_or_empty() == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        42,
        [],
        "a",
        "ab=c",
        "YQ==YQ==",
        "YQ–=",
    ],
)
def test_what_is_not_base64(text):
    found = answered().image_data(text)
    assert type(found) is InvalidResponse
    assert "base64" in str(found)


def test_a_body_does_not_show_in_a_repr():
    assert "secret" not in repr(answered(b"secret"))


STATUSES = {
    400: ("bad_request", "none"),
    401: ("authentication", "none"),
    403: ("authentication", "none"),
    402: ("quota", "none"),
    404: ("bad_request", "none"),
    407: ("provider_fault", "none"),
    422: ("bad_request", "none"),
    429: ("rate_limit", "none"),
    500: ("provider_fault", "unknown"),
    502: ("provider_fault", "unknown"),
    503: ("provider_fault", "unknown"),
    504: ("provider_fault", "unknown"),
    529: ("provider_fault", "unknown"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("message", ["In its own words.", None, "", "  ", 7, ["x"], {"a": 1}])
def test_errors_by_status(status, message):
    error = failure(answered(status=status), CONNECTION, code="the_code", message=message)
    assert (error.kind, error.charge) == STATUSES[status]
    assert (error.provider, error.status, error.code, error.request_id) == (
        "openai",
        status,
        "the_code",
        "id-1",
    )
    assert error.message.strip()
    if message == "In its own words.":
        more = {
            404: ". The request went to an address below https://host.example",
            407: ". A proxy behind host.example requires a login; set it there, not here",
        }.get(status, ".")
        assert error.message == f"In its own words{more}"


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("openrouter.ai", "OpenRouter makes images at /images"),
        ("eu.openrouter.ai", "OpenRouter makes images at /images"),
        ("notopenrouter.ai", "a Gateway sends requests below its base_url"),
    ],
)
def test_a_gateway_that_is_known_to_have_another_shape_is_told(host, said):
    url = f"https://{host}/api/v1"
    connection = Connection(base_url=url, credential=Credential(SecretStr(KEY), "a gateway", base_url=url))
    error = failure(answered(b"<html>Not found</html>", status=404), connection)
    assert (type(error), error.charge) == (errors.BadRequest, "none")
    assert f"The request went to an address below {url}; {said}" in error.message


def test_a_finding_goes_before_the_status():
    error = failure(answered(status=400), CONNECTION, kind=errors.ModerationBlocked, charge="charged")
    assert (type(error), error.charge) == (errors.ModerationBlocked, "charged")


def test_the_key_is_hidden_in_message_and_code():
    error = failure(answered(status=401), CONNECTION, message=f"Bad key {KEY}!", code=f"bad:{KEY}")
    assert error.message == "Bad key [redacted]!"
    assert error.code == "bad:[redacted]"


def test_words_without_end_are_cut():
    error = failure(answered(status=400), CONNECTION, message="word " * 10_000)
    assert len(error.message) <= 600


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after": " 1.5 "}, 1.5),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": "9", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "1e999"}, None),
        ({"retry_after": "NaN"}, None),
        ({"retry_after_ms": "nan"}, None),
        ({"retry_after_ms": "inf"}, None),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:00 GMT"}, 0),
        ({"retry_after": "Fri, 99 Nov 2014 00:00:00 GMT"}, None),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:30 GMT", "date": "Fri, 21 Nov 2014 00:00:10 GMT"}, 20),
        ({"retry_after": "Fri, 21 Nov 2064 00:00:30 GMT", "date": "Fri, 21 Nov 2064 00:00:10 GMT"}, 20),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:30 -0000", "date": "Fri, 21 Nov 2014 00:00:10 +0000"}, 20),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:00 GMT", "date": "Fri, 21 Nov 2014 00:00:10 GMT"}, 0),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:30 GMT", "date": "yesterday"}, 0),
    ],
    ids=str,
)
def test_retry_after(headers, seconds):
    assert failure(answered(status=429, **headers), CONNECTION).retry_after == seconds


def test_retry_after_as_a_date_to_come():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 30 < failure(answered(status=429, retry_after=date), CONNECTION).retry_after <= 61


@given(st.text(max_size=30))
def test_any_retry_after_is_a_finite_wait_or_none(text):
    found = failure(ProviderResponse("xai", 429, {"retry-after": text}, b""), CONNECTION).retry_after
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), (0, 0), (-1, None), (True, None), (1.0, None), ("7", None), (None, None), ([], None)],
)
def test_whole_numbers(value, number):
    assert response.whole_number(value) == number


@pytest.mark.parametrize("value", [None, [], "x", 7])
def test_what_is_no_mapping_is_an_empty_one(value):
    assert response.mapping(value) == {}


def test_echoed_settings_go_by_the_platforms_keys():
    answer = {"size": "1024x1024", "level": 0, "quality": True, "format": None, "mood": ["x"], "other": "x"}
    names = {
        "image_size": "size",
        "image_output_compression": "level",
        "image_quality": "quality",
        "image_output_format": "format",
        "image_background": "mood",
        "image_moderation": "moderation",
    }
    assert echoed_settings(answer, names) == {"image_size": "1024x1024", "image_output_compression": 0}


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached for gpt-image-2 on input-images per min: Limit 0, Used 0, Requested 1.",
        "Request too large for gpt-image-2 on tokens per min (TPM): Limit 30,000, Requested 36,012.",
        "* Quota exceeded for metric: x/free_tier_requests, limit: 0, model: gemini\nRetry in 34s",
        "images per minute: limit 2, used 0, requested 4",
    ],
)
def test_a_limit_that_no_wait_helps_with_is_a_lack_of_quota(message):
    error = failure(answered(status=429, retry_after="12"), CONNECTION, message=message)
    assert (type(error), error.charge) == (errors.QuotaExhausted, "none")


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached on input-images per min: Limit 5, Used 5, Requested 1. Please try again in 12s.",
        "limit: 10, model: gemini-3.1-flash-image",
        "Limit 05 is no limit 0.5 of 10",
        "unlimited 0",
        None,
        7,
    ],
)
def test_other_limits_are_of_the_rate(message):
    assert type(failure(answered(status=429), CONNECTION, message=message)) is errors.RateLimited


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, {}),
        ({"output_tokens": 7}, {"image": 7}),
        ({"output_tokens": 7, "output_tokens_details": {}}, {"image": 7}),
        (
            {"output_tokens": 7, "output_tokens_details": {"image_tokens": 5, "text_tokens": 2}},
            {"image": 5, "text": 2},
        ),
        (
            {"output_tokens": 9, "output_tokens_details": {"image_tokens": 5, "reasoning_tokens": 1}},
            {"image": 5, "reasoning": 1, "unspecified": 3},
        ),
        (
            {"output_tokens": 5, "output_tokens_details": {"image_tokens": 5, "cached_tokens": 4}},
            {"image": 5},
        ),
        ({"output_tokens": 3, "output_tokens_details": {"image_tokens": 5}}, {"image": 5}),
        ({"output_tokens_details": {"image_tokens": "5", "text_tokens": 1}}, {"text": 1}),
    ],
)
def test_tokens_by_modality_add_up(usage, expected):
    assert response.tokens_by_modality(usage, "output", "image") == expected
