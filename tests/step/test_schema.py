"""The JSON Schema and validation agree: neither takes what the other refuses, with named exceptions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.properties import KEYS, legal_settings, plain_values, values_of

from imagegen_nb import ImageGenerationStep
from imagegen_nb.errors import Problem
from imagegen_nb.providers import catalog

SCHEMA = ImageGenerationStep.json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def words_for(key: str) -> st.SearchStrategy[Any]:
    """Values some model takes for `key`, so that wild documents are often nearly right."""
    kinds = [entry.model.settings[key] for entry in catalog.models() if key in entry.model.settings]
    own: dict[str, st.SearchStrategy[Any]] = {
        "model": st.sampled_from([entry.model.name for entry in catalog.models()]),
        "prompt": st.sampled_from(["A bottle", "A {{product}}", "", " ", "{{a b}}", "x\0", "x" * 32_001]),
        "name": st.sampled_from(["Hero", "", "n" * 201]),
        "image_count": st.integers(-1, 12),
        "charge_type": st.sampled_from(["hosted", "personal", "free"]),
        "on_failure": st.sampled_from(["terminate", "continue"]),
        "image_size": st.from_regex(r"[0-9]{1,4}x[0-9]{1,4}", fullmatch=True),
    }
    return st.one_of([values_of(kind) for kind in kinds] + ([own[key]] if key in own else []))


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Wild settings: mostly known keys with mostly plausible values, sometimes anything."""
    values = {key: words_for(key) | words_for(key) | st.none() | plain_values for key in KEYS}
    known = st.fixed_dictionaries({}, optional=values)
    return st.builds(lambda known, odd: {**known, **odd}, known, st.just({}) | st.just({"size": "auto"}))


def beyond_schema(problem: Problem) -> bool:
    """What only validation checks: free pixel sizes, the grammar of variables, broken characters.

    And whole floats: JSON Schema cannot tell 3.0 from 3, which are one number in JSON.
    """
    value = problem.value
    if problem.field == "image_size" and isinstance(value, str):
        return re.fullmatch(r"[1-9][0-9]{0,3}x[1-9][0-9]{0,3}", value) is not None
    if isinstance(value, float) and value.is_integer():
        return True
    return "variable" in problem.message or "NUL" in problem.message


@settings(max_examples=400)
@given(documents() | legal_settings)
@example({"prompt": "x", "model": None, "image_quality": "high"})
@example({"prompt": "x", "image_output_format": None, "image_output_compression": 50})
@example({"prompt": "x", "image_output_format": "jpeg", "image_background": "transparent"})
@example({"prompt": "x", "model": "gemini-nano-banana-2.1", "charge_type": "personal"})
@example({"prompt": "x", "model": "grok-imagine-image", "image_size": "1:1"})
@example({"prompt": None})
@example({})
def test_schema_and_validation_agree(document):
    given = {key: value for key, value in document.items() if value is not None}
    problems = ImageGenerationStep.problems(given)
    refused = not VALIDATOR.is_valid(document)
    if refused:
        assert problems
    if any(not beyond_schema(problem) for problem in problems):
        assert refused


@pytest.mark.parametrize("size", ["auto\n", "1024x1024\n"])
def test_a_line_break_after_a_size_is_refused_by_both(size):
    document = {"prompt": "x", "image_size": size}
    assert ImageGenerationStep.problems(document)
    assert not VALIDATOR.is_valid(document)


def test_the_schema_is_a_valid_one_and_plain_json():
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_properties_are_the_platforms_with_its_labels():
    assert {key: rule["title"] for key, rule in SCHEMA["properties"].items()} == {
        "name": "Name",
        "model": "Model",
        "prompt": "Prompt",
        "image_size": "Image Size",
        "image_count": "Image Count",
        "image_quality": "Image Quality",
        "image_background": "Image Background",
        "image_moderation": "Image Moderation",
        "image_output_format": "Output Format",
        "image_output_compression": "Output Compression",
        "charge_type": "Charge Type",
        "on_failure": "When the step fails",
    }
    assert list(SCHEMA["properties"]) == list(KEYS)
    assert SCHEMA["required"] == ["prompt"]
    assert SCHEMA["additionalProperties"] is False


def test_every_declared_model_is_in_the_schema():
    names = [entry.model.name for entry in catalog.models()]
    assert SCHEMA["properties"]["model"]["enum"] == [*names, None]
    assert SCHEMA["properties"]["model"]["default"] == "gpt-image-2"


def test_the_defaults_of_the_shared_settings_stand_in_the_schema():
    defaults = {key: rule["default"] for key, rule in SCHEMA["properties"].items() if "default" in rule}
    assert defaults == {
        "model": "gpt-image-2",
        "image_count": 1,
        "charge_type": "hosted",
        "on_failure": "terminate",
    }


@pytest.mark.parametrize("entry", catalog.models(), ids=lambda entry: entry.model.name)
def test_every_value_a_model_declares_is_taken(entry):
    base = {"model": entry.model.name, "prompt": "x"}
    for key, kind in entry.model.settings.items():
        for value in getattr(kind, "values", ()) or getattr(kind, "tiles", ()):
            assert VALIDATOR.is_valid({**base, key: value}), (key, value)


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"prompt": "x", "image_output_format": "webp", "image_output_compression": 50}, True),
        ({"prompt": "x", "image_output_format": "png", "image_output_compression": 50}, False),
        ({"prompt": "x", "image_output_compression": 50}, False),
        ({"prompt": "x", "image_output_compression": None}, True),
        ({"prompt": "x", "image_output_format": "jpeg", "image_background": "transparent"}, False),
        ({"prompt": "x", "image_output_format": "jpeg", "image_background": "opaque"}, True),
        ({"prompt": "x", "model": "grok-imagine-image", "image_quality": "high"}, False),
        ({"prompt": "x", "model": "grok-imagine-image", "image_quality": None}, True),
        ({"prompt": "x", "model": "gemini-2.5-flash-image", "image_size": "21:9"}, True),
        ({"prompt": "x", "model": "gemini-2.5-flash-image", "image_size": "1024x1024"}, False),
        ({"prompt": "x", "model": "gemini-2.5-flash-image", "charge_type": "personal"}, False),
        ({"prompt": "x", "model": "gpt-image-2", "image_quality": "max"}, False),
        ({"prompt": "x", "model": "gpt-image-2.5-flare", "image_quality": "max"}, True),
        ({"prompt": "x", "image_size": "16:9"}, False),
        ({"prompt": "x", "image_count": 10}, True),
        ({"prompt": "x", "image_count": 11}, False),
        ({"prompt": "x", "image_count": True}, False),
        ({"prompt": "x" * 32_001}, False),
        ({"prompt": " \n"}, False),
    ],
)
def test_the_conditionals_say_what_the_form_does(document, valid):
    assert VALIDATOR.is_valid(document) is valid
    assert (ImageGenerationStep.problems({k: v for k, v in document.items() if v is not None}) == ()) is valid


def test_each_callers_schema_is_a_copy_of_its_own():
    ImageGenerationStep.json_schema()["properties"].clear()
    assert ImageGenerationStep.json_schema() == SCHEMA
