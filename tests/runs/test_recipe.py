"""What makes two calls equal, and that telling it reads nothing of a request."""

from __future__ import annotations

import pytest

from imagegen_nb import ImageGenerationStep
from imagegen_nb.runs.recipe import call_of, recipe

STEP = ImageGenerationStep(prompt="a fox", image_size="1024x1024")


def call(**changes):
    step = STEP.replace(**changes)
    return call_of(step.request(step.prompt))


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "a dog"}, {"model": "gpt-image-2.5-flare"}, {"image_size": None}, {"image_count": 2}],
)
def test_what_the_provider_is_told_makes_another_call(changes):
    assert call(**changes) != call()


@pytest.mark.parametrize("changes", [{"name": "x"}, {"on_failure": "continue"}, {"charge_type": "personal"}])
def test_what_it_is_not_told_does_not(changes):
    assert call(**changes) == call()


def test_nothing_counts_as_read():
    request = STEP.request("a fox")
    recipe(STEP, request, {})
    assert not request.tracked_settings.was_read("image_size")
