"""Errors in plain words: what happened, what to do, what it may have cost, and the details."""

from __future__ import annotations

import pytest

from imagegen_nb import errors
from imagegen_nb.core.types import MissingImages
from imagegen_nb.widgets.error_text import ErrorText

PROVIDER = {"provider": "openai", "status": 400, "code": "some_code", "request_id": "req_1"}
CASES = [
    (errors.AuthenticationFailed, "OpenAI refused the key.", "Check OPENAI_API_KEY"),
    (errors.QuotaExhausted, "The account at OpenAI has no credit or quota left.", "add credit"),
    (
        errors.RateLimited,
        "OpenAI received too many requests in a short time.",
        "Wait a minute, then try again.",
    ),
    (
        errors.ModerationBlocked,
        "The prompt, or what was made from it, was rejected by the safety system of OpenAI.",
        "Change the prompt",
    ),
    (errors.ModelRetired, "OpenAI does not serve this model.", "It said so."),
    (errors.BadRequest, "OpenAI refused the request: It said so.", "Change the setting"),
    (errors.ProviderFault, "OpenAI could not be reached, or failed: It said so.", "Try again"),
    (errors.ProviderTimeout, "OpenAI did not answer in time.", "Try again"),
    (errors.InvalidResponse, "The response from OpenAI is incomplete or not valid: It said so.", "Try again"),
    (errors.ProviderError, "OpenAI gave no image: It said so.", "Try again"),
]


@pytest.mark.parametrize(("kind", "what", "remedy"), CASES)
def test_each_failure_of_a_provider_says_what_happened_and_what_to_do(kind, what, remedy):
    text = ErrorText.of(kind("it said so", **PROVIDER))
    assert text.what == what
    assert remedy in text.remedy
    assert text.remedy.endswith("Nothing was charged.")
    assert "code: some_code" in text.details
    assert "request id: req_1" in text.details
    assert not any(fact in text.line() for fact in ("some_code", "req_1", "HTTP", "[", "]"))


def test_every_provider_error_has_its_words():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    provider_errors = {kind for kind in kinds if issubclass(kind, errors.ProviderError)}
    assert provider_errors == {kind for kind, _, _ in CASES}


@pytest.mark.parametrize(
    ("charge", "told"),
    [
        ("none", "Nothing was charged."),
        ("unknown", "Whether it is charged is unknown"),
        ("charged", "It was charged."),
    ],
)
def test_the_charge_is_told_but_not_of_an_emulator(charge, told):
    error = errors.ProviderTimeout("no answer", provider="openai", charge=charge)
    assert told in ErrorText.of(error).remedy
    assert "charged" not in ErrorText.of(error, synthetic=True).remedy


def test_the_providers_own_hint_when_to_come_back_is_told():
    error = errors.RateLimited("slow down", provider="xai", retry_after=20.0)
    assert (
        ErrorText.of(error)
        .line()
        .startswith("xAI received too many requests in a short time. Wait 20 seconds")
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            errors.StorageLimitReached("storage is full: 5 of 5 bytes are in use. Raise storage_limit"),
            "The store is full. Storage is full: 5 of 5 bytes are in use. Raise storage_limit.",
        ),
        (
            errors.MissingCredential("set it", variable="XAI_API_KEY"),
            "There is no key: XAI_API_KEY is not set. Set it.",
        ),
        (errors.VariableError("{{a}} has no value"), "The step cannot be run. {{a}} has no value."),
        (
            errors.VariableError("{{a}} has no value", not_given=("a",), remedy='inputs={"a": "…"}'),
            "The step cannot be run. {{a}} has no value. Give it a value.",
        ),
        (
            errors.RecordingMissing("not recorded"),
            "The cassette in use has no answer for this run. Not recorded.",
        ),
        (
            errors.StoreError("disk is gone"),
            "The store could not be read or written. Disk is gone. Correct that, then try again.",
        ),
        (ValueError("odd"), "The run failed unexpectedly. ValueError: odd."),
        (ValueError(), "The run failed unexpectedly. ValueError."),
        (errors.ImageRejected("no image"), "The run failed. No image."),
    ],
)
def test_other_errors(error, line):
    assert ErrorText.of(error).line() == line


def test_images_that_are_missing_are_told_with_each_reason_once():
    blocked = errors.ModerationBlocked("refused", **PROVIDER)
    odd = errors.InvalidResponse("no image in it", provider="openai")
    one = ErrorText.of_missing([MissingImages(blocked)])
    assert one.line().startswith("1 image is missing. The prompt, or what was made from it, was rejected")
    several = ErrorText.of_missing([MissingImages(blocked), MissingImages(blocked, 2), MissingImages(odd)])
    assert several.what == "4 images are missing."
    assert several.remedy.count("rejected by the safety system") == 1
    assert "is incomplete or not valid" in several.remedy
    assert several.details.count("request id: req_1") == 1
    assert "charged" not in ErrorText.of_missing([MissingImages(odd)], synthetic=True).line()


def test_a_failed_step_is_told_by_its_cause():
    cause = errors.BadRequest("no", provider="nobody-knows")
    assert ErrorText.of(errors.StepFailed(None, cause)) == ErrorText.of(cause)
    assert ErrorText.of(cause).what == "nobody-knows refused the request: No."
