"""Validation as a whole: order, precedence, and no problem hidden behind another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import KEYS, legal_settings, plain_values

from imagegen_nb import ImageGenerationStep
from imagegen_nb.step import validation


def fields(**settings) -> list[str]:
    found = validation.problems(
        {"model": "gpt-image-2", "prompt": "x", **settings}, ImageGenerationStep.kinds()
    )
    return [problem.field for problem in found]


def test_nothing_wrong_is_an_empty_tuple():
    assert fields() == []


def test_unknown_settings_come_first_then_the_platforms_order():
    assert fields(on_failure="x", image_count=0, name=5, zzz=1) == [
        "zzz",
        "name",
        "image_count",
        "on_failure",
    ]


def test_an_unknown_model_does_not_hide_what_is_wrong_for_every_model():
    assert fields(model="dall-e-3", image_count=0, charge_type="free") == [
        "model",
        "image_count",
        "charge_type",
    ]


def test_an_unknown_model_says_nothing_about_settings_of_models():
    assert fields(model="dall-e-3", image_quality="hd") == ["model"]


def test_a_models_own_declaration_takes_precedence():
    assert fields(model="gemini-nano-banana-2.1", charge_type="personal") == ["charge_type"]
    assert fields(charge_type="personal") == []


def test_a_wrong_value_and_a_broken_rule_are_both_told():
    assert fields(image_output_compression=500) == ["image_output_compression"] * 2


def test_a_setting_for_another_provider_says_whose_it_is():
    (found,) = ImageGenerationStep.problems(
        {"prompt": "x", "model": "grok-imagine-image", "image_size": "1:1"}
    )
    assert "OpenAI or Google models" in found.remedy


@pytest.mark.parametrize("key", ["image_moderation", "image_quality"])
def test_a_setting_of_one_provider_names_only_that_one(key):
    (found,) = ImageGenerationStep.problems({"prompt": "x", "model": "grok-imagine-image", key: "low"})
    assert "OpenAI models" in found.remedy
    assert "Google" not in found.remedy


@given(legal_settings, st.sampled_from(KEYS), plain_values)
def test_one_changed_setting_never_raises_anything_but_problems(settings, key, value):
    found = ImageGenerationStep.problems({**settings, key: value})
    assert all(problem.message and problem.remedy and str(problem) for problem in found)


@given(legal_settings)
def test_leaving_any_optional_setting_out_leaves_a_step_with_no_new_kind_of_problem(settings):
    for key in set(settings) - {"prompt", "model"}:
        rest = {name: value for name, value in settings.items() if name != key}
        assert {problem.code for problem in ImageGenerationStep.problems(rest)} <= {"not-applicable"}


@pytest.mark.parametrize("key", ["image", "reference_image"])
def test_a_picture_to_begin_with_is_no_setting_and_none_is_suggested(key):
    (problem,) = ImageGenerationStep.problems({"prompt": "a lamp", key: "x.png"})
    assert "takes no input image" in str(problem)
    assert "image_size" not in str(problem)
