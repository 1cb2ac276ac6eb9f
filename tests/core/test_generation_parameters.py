"""The text of Stable Diffusion's tools: read as AUTOMATIC1111 reads it, and written so that it does."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.core import generation_parameters
from imagegen_nb.core.generation_parameters import GenerationParameters

REAL = """girl with an artist's beret, ((eyeshadow)), (coquettish)
in two lines
Negative prompt: ugly, [blurry],
bad anatomy
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Size: 512x512, Model: "a, \\"b\\": c", Hires upscale: 2"""
WORDS = st.text(st.characters(categories=["L", "Nd"], exclude_characters="\n"), min_size=1, max_size=20)


def test_what_the_tool_writes_is_read():
    found = generation_parameters.read(REAL)
    assert found.prompt == "girl with an artist's beret, ((eyeshadow)), (coquettish)\nin two lines"
    assert found.negative == "ugly, [blurry],\nbad anatomy"
    assert found.values["Size"] == "512x512"
    assert found.values["Sampler"] == "DPM++ 2M Karras"
    assert found.values["Model"] == 'a, "b": c'
    assert found.values["Hires upscale"] == "2"


@pytest.mark.parametrize("text", ["a fox: red, two: 2", "a fox", "a\nb", ""])
def test_a_last_line_with_few_values_is_prompt(text):
    assert generation_parameters.read(text) == GenerationParameters(text)


@pytest.mark.parametrize(
    "said",
    [
        {
            "sui_image_params": {
                "prompt": " a fox,\ndetailed ",
                "negativeprompt": "ugly",
                "model": "SDXL/real.safetensors",
                "seed": 5,
                "width": 1024,
                "height": 640,
            },
            "sui_extra_data": {"date": "2026-11-29"},
        },
        {
            "prompt": "a fox,\ndetailed",
            "negative_prompt": "ugly",
            "resolution": "(1024, 640)",
            "model": "SDXL/real.safetensors",
            "seed": "5",
        },
    ],
    ids=["SwarmUI", "Fooocus"],
)
def test_an_object_of_json_is_not_the_prompt(said):
    found = generation_parameters.read(json.dumps(said, indent=2))
    assert (found.prompt, found.negative) == ("a fox,\ndetailed", "ugly")
    assert found.values == {"seed": "5", "Size": "1024x640", "Model": "SDXL/real.safetensors"}


@pytest.mark.parametrize(
    "text", ['{"subject": "a fox"}', '{"prompt": 3}', '{"sui_image_params": []}', "{fox}", '{"a":' * 30_000]
)
def test_a_prompt_in_json_stays_one(text):
    assert generation_parameters.read(text) == GenerationParameters(text)


@settings(max_examples=100)
@given(WORDS, st.dictionaries(WORDS.map(lambda word: f"X{word}"), WORDS | st.just('a, "b": c'), min_size=3))
def test_what_is_written_is_read_back(prompt, values):
    found = generation_parameters.read(generation_parameters.written(prompt, values))
    assert (found.prompt, dict(found.values)) == (prompt, values)


def test_automatic1111_itself_would_take_the_last_line_for_values():
    """By the expression of its own reader, which wants three of them."""
    theirs = r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)'
    values = {"Size": "1x1", "Model": "a, b: c", "Image Quality": "low"}
    *_, last = generation_parameters.written("a fox: red, one: 1", values).split("\n")
    assert re.findall(theirs, last) == [("Size", "1x1"), ("Model", '"a, b: c"'), ("Image Quality", "low")]


@settings(max_examples=100)
@given(st.text(max_size=500))
def test_nothing_is_raised_whatever_the_text(text):
    generation_parameters.read(text)


@pytest.mark.parametrize("piece", [" ", "a:", 'a:"', "a ", "\\", 'a: "\\', ",", "\n"])
def test_no_text_takes_long(piece):
    begun = time.process_time()
    generation_parameters.read(piece * 200_000)
    assert time.process_time() - begun < 2
