"""The options of `%%imagegen` come from the step's declarations, and so do their completions."""

from __future__ import annotations

import pytest

from imagegen_nb import ImageGenerationStep
from imagegen_nb.errors import InvalidOption
from imagegen_nb.magics import options


def test_every_setting_but_the_prompt_has_an_option_by_its_short_name():
    assert set(options.names().values()) == set(ImageGenerationStep.kinds()) - {"prompt"}
    assert options.names()["--size"] == "image_size"
    assert options.names()["--compression"] == "image_output_compression"


def test_a_line_gives_settings_by_platform_key():
    request = options.parse("--model gpt-image-2 --count 2 --image-size 1024x640 --name 'Hero image' -o hero")
    assert request.settings == {
        "model": "gpt-image-2",
        "image_count": 2,
        "image_size": "1024x640",
        "name": "Hero image",
    }
    assert (request.variable, request.places_workspace) == ("hero", False)


def test_a_comment_behind_the_options_says_nothing():
    request = options.parse("--name 'Lamp #2' --count 2  # don't ask for three: --count 3")
    assert request.settings == {"name": "Lamp #2", "image_count": 2}
    assert options.parse("# as it stands").settings == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--sise 1:1", "--sise is not an option: did you mean --size?"),
        ("--bogus 1", "--bogus is not an option. %imagegen alone lists them"),
        (
            "--api-key sk-proj-abcdefghijklmnopqrstuvwx",
            "--api-key is not an option: a key stands in no code",
        ),
        (
            "--key=sk-proj-abcdefghijklmnopqrstuvwx",
            "--key is not an option: a key stands in no code: it is",
        ),
        ("A lamp", "A is not an option: the prompt belongs in the lines below"),
        ("--count two", "invalid whole number value: 'two'. %imagegen alone lists the options"),
        ("--count", "expected one argument"),
        ("-o 2x", "-o 2x: is not the name of a variable"),
        ("--name 'x", "No closing quotation"),
    ],
)
def test_what_a_line_cannot_mean_is_an_error_with_the_remedy(line, said):
    with pytest.raises(InvalidOption) as refused:
        options.parse(line)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("%%imagegen --qu", "--qu", ["--quality"]),
        ("%%imagegen --model grok-imagine-image --model", "--model", []),
        ("%%imagegen --backend ", "", ["live", "emulator"]),
        ("%%imagegen --workspace w", "w", ["ws"]),
        ("%%imagegen --size 1", "1", ["1024x1024", "1536x1024", "1024x1536"]),
        ("%%imagegen --on-failure ", "", ["terminate", "continue"]),
        ("%%imagegen -o h", "h", []),
        ("%%imagegen --model grok-imagine-image --size ", "", []),
    ],
)
def test_completions_are_what_can_stand_there(line, word, expected):
    assert options.completions(line, word, ["ws", "other"]) == expected


def test_values_are_those_of_the_model_that_the_line_names():
    ratios = options.completions("%%imagegen --model gemini-2.5-flash-image --size ", "", [])
    assert {"1:1", "16:9"} <= set(ratios)
    assert "gemini-2.5-flash-image" in options.completions("%%imagegen --model ", "", [])


@pytest.mark.parametrize("columns", ["20", "300"])
def test_the_usage_names_every_option_and_fits_a_page(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)  # of a kernel's process, which shows nothing itself
    usage = options.usage()
    assert all(option in usage for option in options.names())
    assert max(map(len, usage.splitlines())) <= 100
    listed = usage.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    assert [line for line in listed if not line.startswith("  -")] == []  # none wraps


def test_the_usage_has_the_values_of_every_option():
    # The width of the first column is argparse's, which differs by Python's version.
    lines = [" ".join(line.split()) for line in options.usage().splitlines()]
    for line in (
        "--name VALUE Name: up to 200 characters",
        "--model VALUE Model: gpt-image-2, or another: Tab completes them",
        "--size VALUE Image Size: auto, 1024x1024, 1536x1024, 1024x1536, or WIDTHxHEIGHT",
        "--count NUMBER Image Count: 1–10",
        "--format VALUE Output Format: png, jpeg, webp",
    ):
        assert line in lines
    assert options.parse("--image-size 1:1").settings == {"image_size": "1:1"}
