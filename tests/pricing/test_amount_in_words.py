"""An estimated amount in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb import ImageGenerationStep, Sweep, Workflow
from imagegen_nb.pricing.amount_in_words import amount_in_words, because
from imagegen_nb.widgets.cost_line import cost_line

CENT, DOLLAR = Decimal("0.01"), Decimal(1)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"low": CENT, "high": CENT, "ceiling": CENT}, "$0.01"),
        ({"low": CENT, "high": DOLLAR, "ceiling": DOLLAR}, "$0.01–1.00"),
        ({"ceiling": DOLLAR}, "at most $1.00"),
        ({"ceiling": DOLLAR, "at_least": CENT}, "at least $0.01, at most $1.00"),
        ({"at_least": CENT}, "at least $0.01, with no upper bound"),
        ({}, "an unknown amount"),
    ],
)
def test_what_is_known_is_told(known, told):
    assert amount_in_words(**{"low": None, "high": None, "ceiling": None} | known) == told


def test_a_reason_stands_behind_it():
    assert (
        because("image_size is auto, so the model chooses") == " (image_size is auto, so the model chooses)"
    )
    assert because("") == ""


def test_the_same_words_stand_wherever_an_estimate_is_shown():
    step = ImageGenerationStep(prompt="a lamp", model="gpt-image-2")
    most = "at most $0.7116 (image_quality and image_size are auto, so the model chooses)"
    assert repr(step.estimate()).startswith(f"gpt-image-2 · 1 image · {most} · 1 task credit")
    assert most in step.estimate()._repr_html_()
    assert cost_line(step.estimate(), {}, live=True).startswith(f"A run costs {most}, and 1 task credit")
    assert str(Sweep(step, over={"image_count": [1]}).estimate()) == most.replace(" (", " for 1 cell (")
    assert most.replace("(", "(hero: ") in repr(Workflow({}, steps={"hero": step}).estimate())
