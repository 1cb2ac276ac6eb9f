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


def test_other_models_that_answered_are_named_once():
    receipts = [
        ResponseMetadata(answered_by=name) for name in (STEP.model, None, "other-2", "other-1", "other-2")
    ]
    assert differences.in_models(STEP, receipts) == [
        "gpt-image-2 was answered by other-1",
        "gpt-image-2 was answered by other-2",
    ]
