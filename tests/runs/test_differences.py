"""Where what came is not what was asked for: noted, image by image and for the models that answered."""

from __future__ import annotations

import pytest
from support.images import picture

from imagegen_nb import ImageGenerationStep
from imagegen_nb.core import images
from imagegen_nb.core.types import ResponseMetadata
from imagegen_nb.runs import differences

STEP = ImageGenerationStep(prompt="a fox", image_size="1024x640", image_output_format="png")


def noted(step: ImageGenerationStep, form: str = "PNG", size: tuple[int, int] = (1024, 640)) -> list[str]:
    return list(differences.in_image(step, 1, images.check(picture(form, size))))


def test_what_was_asked_for_is_no_difference():
    assert noted(STEP) == []


@pytest.mark.parametrize(
    ("changes", "form", "size", "says"),
    [
        ({}, "JPEG", (1024, 640), "image 2: asked for png, got jpeg"),
        ({}, "PNG", (64, 48), "image 2: asked for 1024x640, got 64x48"),
        (
            {"image_size": "1024x1024", "image_background": "transparent"},
            "PNG",
            (1024, 1024),
            "image 2: asked for a transparent background, got an opaque image",
        ),
    ],
)
def test_what_differs_is_said(changes, form, size, says):
    assert noted(STEP.replace(**changes), form, size) == [says]


def test_a_size_that_was_left_open_cannot_differ():
    assert noted(STEP.replace(image_size=None), size=(64, 48)) == []


RATIO = ImageGenerationStep(prompt="a fox", model="gemini-nano-banana-2.1")
DOCUMENTED = {
    "1:1": (1024, 1024), "2:3": (832, 1248), "3:2": (1264, 848), "3:4": (864, 1184), "4:3": (1184, 864),
    "4:5": (896, 1152), "5:4": (1152, 928), "9:16": (768, 1344), "16:9": (1376, 768), "21:9": (1536, 672),
}  # fmt: skip
"""Sizes that Google documents for a ratio; their edges are rounded."""


@pytest.mark.parametrize("ratio", DOCUMENTED)
def test_the_documented_sizes_have_their_ratio(ratio):
    step = RATIO.replace(image_size=ratio)
    assert noted(step, size=DOCUMENTED[ratio]) == []
    assert differences.shape_that_came(step, [DOCUMENTED[ratio]] * 2) is None


@pytest.mark.parametrize(
    ("asked", "sizes", "says", "came"),
    [
        (None, [(1408, 768)], "image 2: 1:1 is the default, got 1408x768", "16:9"),
        ("1:1", [(1408, 768)], "image 2: asked for 1:1, got 1408x768", "16:9"),
        ("16:9", [(768, 1344)], "image 2: asked for 16:9, got 768x1344", "9:16"),
        ("4:3", [(100, 900)], "image 2: asked for 4:3, got 100x900", "100x900"),
        ("4:3", [(900, 900), (1376, 768)], "image 2: asked for 4:3, got 900x900", None),
        ("4:3", [(1376, 768), (1184, 864)], "image 2: asked for 4:3, got 1376x768", None),
    ],
)
def test_another_shape_is_said_and_reported(asked, sizes, says, came):
    step = RATIO.replace(image_size=asked)
    assert noted(step, size=sizes[0]) == [says]
    assert differences.shape_that_came(step, sizes) == came


def test_no_shape_is_reported_where_none_was_asked_for():
    assert differences.shape_that_came(STEP, [(64, 48)]) is None
    assert differences.shape_that_came(RATIO, []) is None


def test_other_models_that_answered_are_named_once():
    receipts = [
        ResponseMetadata(answered_by=name) for name in (STEP.model, None, "other-2", "other-1", "other-2")
    ]
    assert differences.in_models(STEP, receipts) == [
        "gpt-image-2 was answered by other-1",
        "gpt-image-2 was answered by other-2",
    ]
