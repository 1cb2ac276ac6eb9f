"""The step as its user meets it: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import copy
import enum
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import legal_settings

from imagegen_nb import ImageGenerationStep, InvalidStep
from imagegen_nb.errors import InvalidOption, ModelLifecycleWarning, Problem, VariableError
from imagegen_nb.providers import catalog

quiet = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

OPENAI_ONLY = {
    "image_quality": "high",
    "image_background": "opaque",
    "image_moderation": "low",
    "image_output_format": "webp",
    "image_output_compression": 80,
}
GROK = ("grok-imagine-image-quality", "grok-imagine-image", "grok-imagine-image-2.0")
GEMINI = tuple(entry.model.name for entry in catalog.models() if entry.provider.name == "gemini")
OPENAI = tuple(entry.model.name for entry in catalog.models() if entry.provider.name == "openai")
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


def problems(**settings: Any) -> tuple[Problem, ...]:
    """What a refused step is refused for."""
    with pytest.raises(InvalidStep) as caught:
        ImageGenerationStep(**({"prompt": "a bottle"} | settings))
    return caught.value.problems


def problem(**settings: Any) -> Problem:
    """The one thing a refused step is refused for."""
    found = problems(**settings)
    assert len(found) == 1, found
    return found[0]


# What a step is


def test_the_keys_are_the_platforms_in_its_order():
    assert list(ImageGenerationStep.model_fields) == [
        "name",
        "model",
        "prompt",
        "image_size",
        "image_count",
        "image_quality",
        "image_background",
        "image_moderation",
        "image_output_format",
        "image_output_compression",
        "charge_type",
        "on_failure",
    ]


def test_a_prompt_is_enough():
    step = ImageGenerationStep(prompt="a bottle")
    assert step.settings() == {
        "model": "gpt-image-2",
        "prompt": "a bottle",
        "image_count": 1,
        "charge_type": "hosted",
        "on_failure": "terminate",
    }


def test_unset_settings_are_none_and_have_an_effective_value():
    step = ImageGenerationStep(prompt="a bottle")
    assert (step.image_size, step.image_quality, step.image_output_format) == (None, None, None)
    assert step.effective("image_size") == "auto"
    assert step.effective("image_output_format") == "png"


def test_a_setting_the_model_lacks_has_no_effective_value():
    assert ImageGenerationStep(model="grok-imagine-image", prompt="x").effective("image_quality") is None


def test_none_means_unset_everywhere_but_in_the_prompt():
    unset = dict.fromkeys(set(ImageGenerationStep.model_fields) - {"prompt"})
    assert ImageGenerationStep(prompt="x", **unset) == ImageGenerationStep(prompt="x")
    assert problem(prompt=None).field == "prompt"


@pytest.mark.parametrize("key", list(ImageGenerationStep.model_fields))
def test_no_setting_can_be_changed_in_place(key):
    step = ImageGenerationStep(prompt="x")
    with pytest.raises(InvalidOption, match=rf"step\.replace\({key}="):
        setattr(step, key, "y")


def test_equal_settings_make_equal_hashable_steps():
    one, two = (ImageGenerationStep(prompt="x", image_size="1024x1024") for _ in range(2))
    assert one == two
    assert len({one, two}) == 1
    assert one != one.replace(image_count=2)


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_a_step_survives_copying_and_pickling(through):
    step = ImageGenerationStep(prompt="x", image_output_format="webp", image_output_compression=30)
    assert through(step) == step


def test_the_repr_shows_what_is_set_and_nothing_else():
    shown = repr(ImageGenerationStep(prompt="x", image_size="1024x1024"))
    assert shown == (
        "ImageGenerationStep(model='gpt-image-2', prompt='x', image_size='1024x1024', image_count=1, "
        "charge_type='hosted', on_failure='terminate')"
    )


@quiet
@given(legal_settings)
def test_the_settings_of_a_step_build_the_same_step(settings):
    step = ImageGenerationStep(**settings)
    assert ImageGenerationStep(**step.settings()) == step
    assert {key: step.settings()[key] for key in settings} == settings


# replace


def test_replace_gives_a_changed_copy_and_leaves_the_original():
    step = ImageGenerationStep(prompt="x", image_size="1024x1024")
    other = step.replace(image_size="auto", image_count=3)
    assert (other.image_size, other.image_count, other.prompt) == ("auto", 3, "x")
    assert (step.image_size, step.image_count) == ("1024x1024", 1)


def test_replace_with_none_unsets():
    assert ImageGenerationStep(prompt="x", image_size="auto").replace(image_size=None).image_size is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image_count": 11}, "image_count"),
        ({"prompt": None}, "prompt"),
        ({"model": "grok-imagine-image"}, "image_size"),
        ({"image_sise": "auto"}, "image_sise"),
    ],
)
def test_replace_validates_the_whole_copy(changes, field):
    step = ImageGenerationStep(prompt="x", image_size="1024x1024")
    with pytest.raises(InvalidStep) as caught:
        step.replace(**changes)
    assert [found.field for found in caught.value.problems] == [field]


# Settings per model


@quiet
@pytest.mark.parametrize("model", [*GROK, *GEMINI])
@pytest.mark.parametrize("key", OPENAI_ONLY)
def test_openai_only_options_are_refused_for_other_models(model, key):
    found = problem(model=model, **{key: OPENAI_ONLY[key]})
    assert (found.field, found.value, found.model) == (key, OPENAI_ONLY[key], model)
    assert found.code == "not-applicable"
    assert "OpenAI" in found.remedy


@quiet
@pytest.mark.parametrize("model", GROK)
@pytest.mark.parametrize("size", ["1024x1024", "16:9", "auto"])
def test_grok_takes_no_size(model, size):
    assert problem(model=model, image_size=size).code == "not-applicable"


@quiet
@pytest.mark.parametrize("model", GEMINI)
@pytest.mark.parametrize("ratio", RATIOS)
def test_gemini_takes_its_ten_ratios(model, ratio):
    assert ImageGenerationStep(model=model, prompt="x", image_size=ratio).image_size == ratio


@quiet
@pytest.mark.parametrize("model", GEMINI)
@pytest.mark.parametrize("ratio", ["1:4", "4:1", "1:8", "8:1"])
def test_only_some_gemini_models_take_the_extreme_ratios(model, ratio):
    taken = model in ("gemini-3.1-flash-image", "gemini-nano-banana-2.1")
    assert (ImageGenerationStep.problems({"model": model, "prompt": "x", "image_size": ratio}) == ()) is taken


@quiet
@pytest.mark.parametrize("model", GEMINI)
@pytest.mark.parametrize("size", ["1024x1024", "auto", "1:2", "16:10", "16x9", " 1:1", "1:1\n", "", 1, 1.5])
def test_gemini_refuses_every_other_size_and_lists_the_ratios(model, size):
    found = problem(model=model, image_size=size)
    assert found.field == "image_size"
    assert all(ratio in found.remedy for ratio in RATIOS)


@quiet
@pytest.mark.parametrize("model", GEMINI)
def test_gemini_is_hosted_only(model):
    found = problem(model=model, charge_type="personal")
    assert found.field == "charge_type"
    assert "hosted" in found.remedy
    assert ImageGenerationStep(model=model, prompt="x", charge_type="hosted").charge_type == "hosted"


@pytest.mark.parametrize("model", OPENAI)
@pytest.mark.parametrize("key", OPENAI_ONLY)
def test_openai_models_take_their_options(model, key):
    settings = {"image_output_format": "webp", key: OPENAI_ONLY[key]}
    step = ImageGenerationStep(model=model, prompt="x", **settings)
    assert getattr(step, key) == OPENAI_ONLY[key]


@pytest.mark.parametrize("quality", ["xhigh", "max"])
def test_only_newer_models_have_the_highest_qualities(quality):
    assert problem(model="gpt-image-2", image_quality=quality).field == "image_quality"
    assert ImageGenerationStep(model="gpt-image-2.5-flare", prompt="x", image_quality=quality)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_quality", "ultra"),
        ("image_quality", "HIGH"),
        ("image_quality", "standard"),
        ("image_background", "white"),
        ("image_moderation", "high"),
        ("image_output_format", "jpg"),
        ("image_output_format", ["png"]),
        ("image_output_format", "gif"),
        ("charge_type", "Hosted"),
        ("charge_type", ""),
        ("on_failure", "stop"),
        ("on_failure", True),
    ],
)
def test_a_word_that_is_no_choice_is_refused_with_the_choices(key, value):
    found = problem(**{key: value})
    assert (found.field, found.value) == (key, value)
    assert re.fullmatch(r"(Did you mean \w+\? )?Use .* or \w+", found.remedy)


def test_an_unknown_model_is_refused_with_the_nearest_one():
    found = problem(model="gpt-image2")
    assert (found.field, found.value) == ("model", "gpt-image2")
    assert "gpt-image-2" in found.remedy


@pytest.mark.parametrize("model", ["", 5, True, ["gpt-image-2"], {"name": "gpt-image-2"}, b"gpt-image-2"])
def test_a_model_that_is_no_name_is_refused(model):
    assert "model" in [found.field for found in problems(model=model)]


# Sizes


@pytest.mark.parametrize(
    "size",
    [
        "auto",
        "1024x1024",
        "1536x1024",
        "1024x1536",
        "1024x640",  # the fewest pixels
        "3840x2160",  # the most pixels, the longest edge
        "2160x3840",
        "1536x512",  # the widest ratio
        "512x1536",
        "816x816",
    ],
)
def test_legal_sizes_are_taken(size):
    assert ImageGenerationStep(prompt="x", image_size=size).image_size == size


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("1030x1024", ["multiples of 16"]),
        ("1024x1030", ["multiples of 16"]),
        ("3856x1600", ["3840"]),
        ("1600x3856", ["3840"]),
        ("3072x1008", ["3 times"]),
        ("1008x3072", ["3 times"]),
        ("1024x624", ["638,976", "655,360"]),
        ("512x512", ["262,144", "655,360"]),
        ("3840x2176", ["8,355,840", "8,294,400"]),
        ("4000x100", ["multiples of 16", "3840", "3 times", "400,000"]),
        ("0x0", ["655,360"]),
    ],
)
def test_an_illegal_size_is_told_every_bound_it_breaks_and_no_other(size, said):
    found = problem(image_size=size)
    bounds = ("multiples of 16", "3840", "3 times", "655,360", "8,294,400")
    assert all(word in found.message for word in said)
    assert {bound for bound in bounds if bound in found.message} <= {*said, "655,360"}
    assert "nearest legal size" in found.remedy


@pytest.mark.parametrize(
    "size",
    [
        *("1024X1024", "1024×1024", "1024 x 1024", " 1024x1024", "1024x1024 ", "1024x1024\n", "01024x1024"),
        *("-1024x1024", "+1024x1024", "1e3x1e3", "1024", "1024x", "x1024", "1024x1024x1024", "16:9", ""),
        *("١٠٢٤x١٠٢٤", "auto\n", "AUTO", "1024.0x1024", "9" * 30 + "x" + "9" * 30),
        *(1024, 1024.0, True, (1024, 1024), ["1024x1024"], {"w": 1}, b"1024x1024"),
    ],
)
def test_what_is_no_size_at_all_is_refused_with_the_way_to_write_one(size):
    found = problem(image_size=size)
    assert found.field == "image_size"
    assert "WIDTHxHEIGHT in pixels: multiples of 16, longest edge 3840, ratio up to 3:1" in found.remedy


EDGES = st.integers(0, 5000) | st.integers(0, 10**8) | st.sampled_from([1, 15, 16, 3840, 3841, 2160])


@given(EDGES, EDGES)
def test_the_nearest_legal_size_is_itself_legal(width, height):
    settings = {"prompt": "x", "image_size": f"{width}x{height}"}
    for found in ImageGenerationStep.problems(settings):
        nearest = re.search(r"\d+x\d+", found.remedy)
        assert nearest, found
        assert ImageGenerationStep(prompt="x", image_size=nearest[0])


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ("1025x1025", "1024x1024"),
        ("4096x4096", "2880x2880"),
        ("1920x1080", "1920x1088"),
        ("40x40", "816x816"),
    ],
)
def test_the_nearest_legal_size_keeps_the_shape(size, nearest):
    found = problem(image_size=size)
    assert nearest in found.remedy


# Format rules


@pytest.mark.parametrize("output_format", ["png", "webp", None])
def test_transparency_goes_with_png_and_webp(output_format):
    step = ImageGenerationStep(prompt="x", image_background="transparent", image_output_format=output_format)
    assert step.image_background == "transparent"


def test_jpeg_refuses_a_transparent_background():
    found = problem(image_background="transparent", image_output_format="jpeg")
    assert (found.field, found.value) == ("image_background", "transparent")
    assert "jpeg" in found.message
    assert "png or webp" in found.remedy


@pytest.mark.parametrize("background", ["auto", "opaque", None])
def test_jpeg_takes_other_backgrounds(background):
    assert ImageGenerationStep(prompt="x", image_background=background, image_output_format="jpeg")


@pytest.mark.parametrize("output_format", ["png", None])
@pytest.mark.parametrize("compression", [0, 50, 100])
def test_png_refuses_compression_also_as_the_default(output_format, compression):
    found = problem(image_output_compression=compression, image_output_format=output_format)
    assert (found.field, found.value) == ("image_output_compression", compression)
    assert "png" in found.message
    assert ("default" in found.message) == (output_format is None)


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
@pytest.mark.parametrize("compression", [0, 100])
def test_jpeg_and_webp_take_compression(output_format, compression):
    step = ImageGenerationStep(
        prompt="x", image_output_format=output_format, image_output_compression=compression
    )
    assert step.image_output_compression == compression


@pytest.mark.parametrize("compression", [-1, 101, 50.0, "50", True, False, [50], float("nan")])
def test_compression_is_a_whole_number_from_0_to_100(compression):
    found = problem(image_output_compression=compression, image_output_format="jpeg")
    assert found.field == "image_output_compression"
    assert "0 to 100" in found.remedy


# Counts, prompts, names


@pytest.mark.parametrize("count", range(1, 11))
def test_one_to_ten_images(count):
    assert ImageGenerationStep(prompt="x", image_count=count).image_count == count


@pytest.mark.parametrize("count", [0, -1, 11, 10**30, True, False, 3.0, 2.5, "3", [3], float("inf")])
def test_other_counts_are_refused(count):
    found = problem(image_count=count)
    assert found.field == "image_count"
    assert "1 to 10" in found.remedy


@pytest.mark.parametrize("prompt", ["", " ", "\n\t ", "\u00a0\u2003"])
def test_a_blank_prompt_is_empty(prompt):
    found = problem(prompt=prompt)
    assert (found.field, found.message) == ("prompt", "empty")


def test_the_prompt_is_required():
    with pytest.raises(InvalidStep) as caught:
        ImageGenerationStep()
    assert [found.field for found in caught.value.problems] == ["prompt"]
    assert "missing" in str(caught.value)


def test_a_prompt_has_at_most_32000_characters():
    assert len(ImageGenerationStep(prompt="ä" * 32_000).prompt) == 32_000
    found = problem(prompt="ä" * 32_001)
    assert "32,001" in found.message
    assert "32,000" in found.remedy


@pytest.mark.parametrize("prompt", [5, True, b"a bottle", ["a bottle"], {"text": "a bottle"}])
def test_a_prompt_is_text(prompt):
    assert "not text" in problem(prompt=prompt).message


@pytest.mark.parametrize("key", ["prompt", "name"])
@pytest.mark.parametrize("broken", ["a\0b", "a\ud800b", "\udfff"])
def test_nul_and_lone_surrogates_are_refused(key, broken):
    assert problem(**{key: broken}).field == key


@pytest.mark.parametrize("key", ["prompt", "name"])
def test_a_key_is_refused_and_not_shown(key):
    secret = "xai-" + "canary0123456789canary"
    found = problem(**{key: f"a lamp {secret}"})
    assert (found.field, found.value) == (key, "a lamp [redacted]")
    assert "holds an xAI key" in found.message


def test_words_placeholders_and_signed_addresses_are_text():
    signed = f"https://bucket.example/lamp.png?X-Amz-Signature={'0a1b' * 16}"
    for prompt in (
        f"like {signed}",
        "an sk-learn-style-diagram-of-a-lamp",
        "a screen that shows sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    ):
        assert ImageGenerationStep(prompt).prompt == prompt


@pytest.mark.parametrize("tag", ["{{}}", "{{ }}", "{{a b}}", "{{a|upper}}", "{{a.}}", "{{1}}", "{{a[0]}}"])
def test_a_variable_that_is_no_path_is_refused_and_shown(tag):
    found = problem(prompt=f"A bottle {tag} on a table")
    assert (found.field, found.value) == ("prompt", tag)


@pytest.mark.parametrize(
    ("prompt", "written", "message", "remedy"),
    [
        ("A {{product on a table", "{{product", "is not closed", "Write {{product}}; braces that are to be"),
        ("A bottle {{", "{{", "is not closed", "Close it with }}; braces that are to be sent as they stand"),
        ("A {{ {x} }}", "{{ {x} }}", "has braces inside", "Write only a path there"),
    ],
)
def test_braces_that_no_run_could_send_are_refused_with_the_step(prompt, written, message, remedy):
    for refused in (problem(prompt=prompt), *ImageGenerationStep.problems({"prompt": prompt})):
        assert (refused.field, refused.value) == ("prompt", written)
        assert refused.message == f"holds a variable that {message}"
        assert refused.remedy.startswith(remedy)
    with pytest.raises(InvalidStep, match=message):
        ImageGenerationStep(prompt="A {{product}}").replace(prompt=prompt)


def test_all_mistakes_with_braces_are_told_at_once_with_the_others():
    found = ImageGenerationStep.problems({"prompt": "{{a b}} {{ {x} }} {{c", "image_count": 11})
    assert [one.value for one in found] == ["{{a b}}", "{{c", "{{ {x} }}", 11]


@pytest.mark.parametrize("prompt", ['A poster {"a": {"b": {}}}', "A {product}", "A }} {", "A {{{product}}}"])
def test_other_braces_in_a_prompt_are_text(prompt):
    assert ImageGenerationStep(prompt=prompt).prompt == prompt


def test_an_estimate_refuses_an_input_in_single_braces_as_its_run_does():
    step = ImageGenerationStep(prompt="A {product}")
    step.estimate()
    with pytest.raises(VariableError, match=r"\{product\} has single braces: Write \{\{product\}\}"):
        step.estimate({"product": "lamp"})


def test_the_variables_of_a_prompt_are_listed_once_and_in_order():
    step = ImageGenerationStep(prompt="{{b}} {{a.0.x}} {{ b }} {{step_2.output.assets.0.file_url}}")
    assert step.variables == ("b", "a.0.x", "step_2.output.assets.0.file_url")


def test_a_name_is_free_text_of_at_most_200_characters():
    assert ImageGenerationStep(prompt="x", name="Hero – für „Ärger“").name == "Hero – für „Ärger“"
    assert problem(name="n" * 201).field == "name"


# Refusals


def test_every_problem_is_listed_at_once():
    found = problems(
        model="grok-imagine-image",
        prompt=" ",
        image_count=0,
        image_quality="high",
        image_size="1:1",
        charge_type="free",
        colour="red",
    )
    assert sorted(each.field for each in found) == [
        "charge_type",
        "colour",
        "image_count",
        "image_quality",
        "image_size",
        "prompt",
    ]


def test_several_problems_are_told_as_a_numbered_list():
    with pytest.raises(InvalidStep) as caught:
        ImageGenerationStep(prompt="", image_count=0)
    first, *rest = str(caught.value).splitlines()
    assert first == "2 problems:"
    assert [line.split()[0] for line in rest] == ["1.", "2."]


BROKEN = [
    {"image_size": "1000x1000"},
    {"image_count": 99},
    {"image_quality": "ultra"},
    {"image_output_compression": 50},
    {"image_background": "transparent", "image_output_format": "jpeg"},
    {"model": "grok-imagine-image", "image_quality": "high"},
    {"model": "gemini-nano-banana-2.1", "charge_type": "personal"},
    {"image_sise": "1024x1024"},
    {"prompt": "a {{b c}}"},
]


@pytest.mark.parametrize("settings", BROKEN, ids=lambda settings: "+".join(settings))
def test_a_refusal_names_field_value_model_and_remedy(settings):
    found = problem(**settings)
    told = str(found)
    assert found.field in told
    assert repr(found.value) in told
    assert settings.get("model", "gpt-image-2") in told
    assert found.remedy
    assert told.endswith(found.remedy)


def test_a_long_value_is_cut_in_the_message_and_kept_in_the_problem():
    found = problem(image_quality="q" * 10_000)
    assert len(str(found)) < 300
    assert found.value == "q" * 10_000


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("image_sise", "image_size"),
        ("imageSize", "image_size"),
        ("size", "image_size"),
        ("quality", "image_quality"),
        ("count", "image_count"),
        ("background", "image_background"),
        ("moderation", "image_moderation"),
        ("format", "image_output_format"),
        ("output_format", "image_output_format"),
        ("compression", "image_output_compression"),
        ("promt", "prompt"),
        ("chargeType", "charge_type"),
        ("onfailure", "on_failure"),
        ("Name", "name"),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_known_name(key, meant):
    found = problem(**{key: "x"})
    assert (found.field, found.code) == (key, "unknown-field")
    assert found.remedy == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("api_key", "A key stands in no code: it is read from a variable, such as OPENAI_API_KEY"),
        ("X-Api-Key", "A key stands in no code: it is read from a variable, such as OPENAI_API_KEY"),
        ("workspace", "A workspace is given where it runs: run(workspace=…)"),
        ("backend", 'Give it to the workspace: ig.Workspace("assets", backend=…)'),
    ],
)
def test_what_is_given_elsewhere_is_refused_with_the_place(key, remedy):
    found = problem(**{key: "anything"})
    assert (found.message, found.remedy) == ("not a setting of this step", remedy)


@pytest.mark.parametrize("key", ["api_key", "apikey", "OPENAI_API_KEY", "token", "client-secret", "password"])
def test_a_key_given_as_a_setting_is_not_repeated_whatever_its_shape(key):
    with pytest.raises(InvalidStep) as caught:
        ImageGenerationStep(prompt="x", **{key: "abcd1234"})
    assert "abcd1234" not in f"{caught.value} {caught.value.problems}"


def test_a_keyword_like_no_other_is_refused_with_all_known_names():
    for found in (problem(zzz=1), problem(colour="red")):
        assert all(key in found.remedy for key in ImageGenerationStep.model_fields)


def test_problems_can_be_asked_for_without_building_a_step():
    assert ImageGenerationStep.problems({"prompt": "x"}) == ()
    assert [found.field for found in ImageGenerationStep.problems({})] == ["prompt"]


def test_asking_for_problems_treats_none_as_unset_like_building_does():
    assert ImageGenerationStep.problems({"prompt": "x", "model": None, "image_size": None}) == ()


# Life of models


@pytest.mark.parametrize(
    ("model", "status", "successor"),
    [
        ("gemini-2.5-flash-image", "restricted", "gemini-3.1-flash-lite-image"),
        ("gemini-3.1-flash-image", "deprecated", "gemini-nano-banana-2.1"),
        ("grok-imagine-image-quality", "redirected", "grok-imagine-image-2.0"),
    ],
)
def test_a_model_past_its_time_warns_once_and_names_the_successor(model, status, successor):
    with pytest.warns(ModelLifecycleWarning, match=rf"{model} is {status}.*{successor}") as told:
        ImageGenerationStep(model=model, prompt="x")
    assert len(told) == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = ImageGenerationStep(model=model, prompt="y")
    assert successor in again.lifecycle_notice


@quiet
@pytest.mark.parametrize(
    ("model", "outlook"),
    [
        (
            "gemini-2.5-flash-image",
            "2027-03-15 (reported by others, not by the provider)",
        ),
        ("gemini-3.1-flash-image", "deprecated since 2026-10-06, no end announced"),
        ("grok-imagine-image-quality", "redirected since 2026-11-02;"),
    ],
)
def test_the_end_of_a_model_is_told_with_who_says_so(model, outlook):
    step = ImageGenerationStep(model=model, prompt="x")
    assert outlook in step.lifecycle_note
    assert outlook.strip(";") in step.lifecycle_notice
    assert "retired" not in step.lifecycle_notice


def test_each_model_warns_for_itself():
    for model in ("gemini-2.5-flash-image", "grok-imagine-image-quality"):
        with pytest.warns(ModelLifecycleWarning, match=model):
            ImageGenerationStep(model=model, prompt="x")


def test_the_warning_points_at_the_callers_line_also_from_replace():
    step = ImageGenerationStep(prompt="x")
    with pytest.warns(ModelLifecycleWarning) as told:
        step.replace(model="grok-imagine-image-quality")
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    "model",
    [entry.model.name for entry in catalog.models() if entry.model.lifecycle.status == "current"],
)
def test_a_current_model_does_not_warn(model):
    assert ImageGenerationStep(model=model, prompt="x").lifecycle_notice == ""


def test_a_refused_step_does_not_use_up_the_warning():
    problems(model="grok-imagine-image-quality", image_count=0)
    with pytest.warns(ModelLifecycleWarning):
        ImageGenerationStep(model="grok-imagine-image-quality", prompt="x")


# What is asked of a provider


def test_the_request_leaves_unset_settings_out():
    request = ImageGenerationStep(prompt="{{a}}").request("a bottle")
    assert (request.model, request.prompt, request.count) == ("gpt-image-2", "a bottle", 1)
    assert request.settings == {}
    assert [request.settings.get(key) for key in ("image_size", *OPENAI_ONLY)] == [None] * 6


def test_the_request_carries_what_is_set():
    step = ImageGenerationStep(prompt="x", image_size="1536x1024", image_count=4, **OPENAI_ONLY)
    request = step.request("y", partial_images=2)
    assert (request.count, request.partial_images) == (4, 2)
    assert request.settings == {
        "image_size": "1536x1024",
        "image_quality": "high",
        "image_background": "opaque",
        "image_moderation": "low",
        "image_output_format": "webp",
        "image_output_compression": 80,
    }


def test_what_all_models_share_is_no_setting_of_the_request():
    """Gemini models declare `charge_type`, to bind it; it is for whoever pays, not for the provider."""
    step = ImageGenerationStep(
        prompt="x", model="gemini-nano-banana-2.1", charge_type="hosted", image_size="16:9"
    )
    assert step.request("x").settings == {"image_size": "16:9"}


def test_a_step_whose_provider_is_gone_says_so(monkeypatch):
    step = ImageGenerationStep(prompt="x")
    monkeypatch.setattr(catalog, "find", lambda name: None)
    with pytest.raises(InvalidOption, match="gpt-image-2"):
        _ = step.entry


class Quality(str, enum.Enum):  # noqa: UP042 - how most people still write it
    HIGH = "high"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"image_quality": Quality.HIGH}, {"image_quality": "high"}),
        ({"image_count": np.int64(3)}, {"image_count": 3}),
        ({"image_size": np.str_("1024x1024")}, {"image_size": "1024x1024"}),
        (
            {"image_output_format": "jpeg", "image_output_compression": np.uint8(80)},
            {"image_output_format": "jpeg", "image_output_compression": 80},
        ),
    ],
)
def test_settings_are_what_they_mean(given, meant):
    step = ImageGenerationStep(prompt="x", **given)
    assert ImageGenerationStep.problems({"prompt": "x", **given}) == ()
    assert step.settings() == ImageGenerationStep(prompt="x", **meant).settings()
    assert {type(value) for value in step.settings().values()} <= {str, int}
    assert eval(repr(step)) == step


@pytest.mark.parametrize("count", [np.bool_(True), np.float64(2.0), np.array([1, 2]), np.int64(11)])
def test_settings_that_mean_nothing_legal_are_refused(count):
    with pytest.raises(InvalidStep, match="image_count"):
        ImageGenerationStep(prompt="x", image_count=count)


def test_a_variable_in_brackets_is_corrected():
    problems = ImageGenerationStep.problems({"prompt": "like {{step_2.output.assets[0].file_url}}"})
    assert [problem.remedy.split(",")[0] for problem in problems] == [
        "Write {{step_2.output.assets.0.file_url}}"
    ]


def test_the_prompt_may_go_first_without_its_name():
    step = ImageGenerationStep("a lamp", image_size="1024x1024")
    assert step == ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
    assert ImageGenerationStep.model_validate({"prompt": "a lamp", "image_size": "1024x1024"}) == step
    with pytest.raises(InvalidOption, match="the prompt is given twice"):
        ImageGenerationStep("a lamp", prompt="a fox")
    with pytest.raises(InvalidStep, match="missing"):
        ImageGenerationStep()


KEY = "sk-" + "canary0123456789canary"


@pytest.mark.parametrize(
    "settings",
    [{KEY: 1}, {"model": KEY}, {"prompt": f"a {{{{{KEY}"}, {"image_size": KEY}, {"image_count": KEY}],
)
def test_a_key_in_the_wrong_place_is_refused_without_being_repeated(settings):
    with pytest.raises(InvalidStep) as refused:
        ImageGenerationStep(**{"prompt": "a lamp", **settings})
    assert "canary" not in f"{refused.value} {refused.value!r}"
