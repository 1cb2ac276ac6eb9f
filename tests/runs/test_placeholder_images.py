"""The pictures of simulated runs: their size, and that one is made once."""

from __future__ import annotations

import pytest

from imagegen_nb import ImageGenerationStep
from imagegen_nb.core.images import check
from imagegen_nb.runs.placeholder_images import picture, size

STEP = ImageGenerationStep(prompt="a fox", image_count=2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (1024, 1024)),
        ({"image_size": "auto"}, (1024, 1024)),
        ({"image_size": "1024x1536"}, (1024, 1536)),
        ({"model": "grok-imagine-image"}, (1024, 1024)),
        ({"model": "gemini-nano-banana-2.1", "image_size": "1:1"}, (1024, 1024)),
        ({"model": "gemini-nano-banana-2.1", "image_size": "9:16"}, (768, 1360)),
    ],
)
def test_size(settings, expected):
    step = STEP.replace(**settings)
    assert size(step) == expected
    image = check(picture(step, 0))
    assert (image.width, image.height) == expected


def test_each_differs_and_is_the_same_every_time():
    assert picture(STEP, 0) == picture(STEP, 0) != picture(STEP, 1)
