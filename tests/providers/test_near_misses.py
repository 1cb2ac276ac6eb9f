"""What a value that no setting takes was meant to be is told as the value to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagegen_nb as ig
from imagegen_nb.errors import InvalidStep
from imagegen_nb.providers import catalog, near_misses
from imagegen_nb.providers.capabilities import PixelSize


def refused(**settings: object) -> str:
    with pytest.raises(InvalidStep) as told:
        ig.ImageGenerationStep(prompt="a lamp", **settings)  # type: ignore[arg-type]
    (problem,) = told.value.problems
    return problem.remedy


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("1024*1024", "1024x1024"),
        ((1024, 1024), "1024x1024"),
        ([1024, 1536], "1024x1536"),
        ({"width": 1024, "height": 1024}, "1024x1024"),
        ("1024×1024", "1024x1024"),
        ("1024 × 1024", "1024x1024"),
        ("1024X1024", "1024x1024"),
        (" 1024x1024", "1024x1024"),
        ("1024px x 768px", "1024x768"),
        (1024, "1024x1024"),
        ("1024", "1024x1024"),
        (1024.0, "1024x1024"),
        ("1000*1000", "1008x1008"),
        ("16:9", "1536x864"),
        ("16x9", "1536x864"),
        ((16, 9), "1536x864"),
        ("9:16", "864x1536"),
        ("1:1", "1024x1024"),
        ("3:2", "1536x1024"),
        ("square", "1024x1024"),
        ("Landscape", "1536x1024"),
        ("portrait", "1024x1536"),
    ],
)
def test_a_size_in_another_form_is_told_as_it_is_written(value: object, meant: str) -> None:
    assert refused(image_size=value).split(", or")[0] == f"Write {meant}"
    ig.ImageGenerationStep(prompt="a lamp", image_size=meant)


def test_auto_in_capitals_is_told_and_what_may_mean_anything_is_not() -> None:
    assert refused(image_size="AUTO").startswith("Write auto, or another size: auto, 1024x1024")
    for value in ("4k", "large", "1024x", "", True, None, (1, 2, 3), (0, 5), "0:5", object()):
        if value is not None:
            assert refused(image_size=value).startswith("Use auto, 1024x1024")


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("image_quality", "High", "Did you mean high? Use auto, low, medium or high"),
        ("image_quality", " high", "Did you mean high? Use auto, low, medium or high"),
        ("image_quality", "hd", "Did you mean high? Use auto, low, medium or high"),
        ("image_quality", "3", "Use auto, low, medium or high"),
        ("image_count", "2", "Use a whole number from 1 to 10; write 2 without quotes"),
        ("image_count", 2.0, "Use a whole number from 1 to 10; write 2"),
        ("image_count", "20", "Use a whole number from 1 to 10"),
        ("image_count", True, "Use a whole number from 1 to 10"),
        ("image_output_format", "jpg", "Did you mean jpeg? Use png, jpeg or webp"),
        ("image_output_format", "image/png", "Did you mean png? Use png, jpeg or webp"),
        ("image_output_format", ".WEBP", "Did you mean webp? Use png, jpeg or webp"),
        ("image_background", "none", "Did you mean transparent? Use auto, opaque or transparent"),
        ("charge_type", "Hosted", "Did you mean hosted? Use hosted or personal"),
        ("charge_type", "byok", "Did you mean personal? Use hosted or personal"),
        ("on_failure", "stop", "Did you mean terminate? Use terminate or continue"),
        ("aspect_ratio", "16:9", "Did you mean image_size?"),
    ],
)
def test_another_value_is_told_as_it_is_written(setting: str, value: object, remedy: str) -> None:
    assert refused(**{setting: value}).endswith(remedy)


@pytest.mark.parametrize("value", ["16x9", "1920x1080", (16, 9), "16/9", "1920*1080"])
def test_of_aspect_ratios_the_one_of_a_size_is_told(value: object) -> None:
    assert refused(model="gemini-3.1-flash-image", image_size=value).startswith("Did you mean 16:9? Use 1:1")


@pytest.mark.parametrize(
    "value",
    [
        (-1024, 1024),
        {"width": -3, "height": 9},
        (10**400, 5),
        pytest.param(10**400, id="400 digits"),
        1e300,
        -1024,
        "0*0",
    ],
)
def test_edges_that_no_image_has_mean_no_size(value: object) -> None:
    assert near_misses.numbers(value) is None
    assert refused(image_size=value).startswith("Use auto, 1024x1024")


ANYTHING = st.one_of(
    st.text(alphabet="0123456789x×*:/ ,pxautoAUTO", max_size=12),
    st.integers(),
    st.floats(),
    st.tuples(st.integers(), st.integers()),
    st.lists(st.integers(0, 5000), max_size=3),
    st.dictionaries(st.sampled_from(["width", "height"]), st.integers(0, 5000)),
    st.none(),
    st.booleans(),
)
SIZES = [
    kind
    for entry in catalog.models()
    if isinstance(kind := entry.model.settings.get("image_size"), PixelSize)
]


@given(ANYTHING)
def test_what_is_told_is_always_a_legal_value(value: object) -> None:
    near_misses.whole_number(value)
    for kind in SIZES:
        if meant := kind.meant(value):
            assert kind.check(meant) is None
    assert near_misses.word(value, ("auto", "1:1", "16:9")) in ("", "auto", "1:1", "16:9")
