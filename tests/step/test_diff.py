"""What differs between two steps, and that showing it shows it only."""

from __future__ import annotations

from pathlib import Path

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagegen_nb as ig
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.diff import words_that_differ

STEP = ig.ImageGenerationStep(prompt="A red lamp on sand", image_size="1024x1024")


def test_the_settings_that_differ_stand_in_the_platforms_order():
    other = STEP.replace(prompt="A blue lamp on sand", image_size=None, image_count=2)
    found = ig.diff(STEP, other)
    assert [change.setting for change in found] == ["prompt", "image_size", "image_count"]
    assert found.as_dict()["image_count"] == (1, 2)
    assert found["image_size"].b_used == "auto"
    assert "model" not in found
    assert "image_size: '1024x1024' → unset ('auto' by default)" in repr(found)


def test_equal_steps_have_no_difference():
    found = ig.diff(STEP, STEP.replace())
    assert (bool(found), list(found), found.title) == (False, [], "the steps are equal")
    assert found._repr_mimebundle_()["text/plain"] == "Diff · the steps are equal"


def test_models_of_two_providers():
    found = ig.diff(STEP, ig.ImageGenerationStep(model="grok-imagine-image", prompt=STEP.prompt))
    assert found.as_dict() == {
        "model": ("gpt-image-2", "grok-imagine-image"),
        "image_size": ("1024x1024", None),
    }


@pytest.mark.parametrize(("a", "b"), [(STEP, {"prompt": "x"}), (None, STEP)])
def test_anything_but_steps_is_refused(a, b):
    with pytest.raises(InvalidOption, match=r"diff: [ab] is of type .*: give a step"):
        ig.diff(a, b)


@pytest.mark.parametrize("source", ["e.png", Path("e.step.json"), b"{}"])
def test_a_file_is_no_step_and_how_to_read_it_is_said(source):
    with pytest.raises(
        InvalidOption, match=r"diff: b is of type .*: give a step; ig\.step_from\(\.\.\.\) reads"
    ):
        ig.diff(STEP, source)


def test_the_words_that_differ_are_marked():
    root = html5lib.parse(
        ig.diff(STEP, STEP.replace(prompt="A <blue> lamp on sand"))._repr_html_(), namespaceHTMLElements=False
    )
    assert ["".join(mark.itertext()) for mark in root.iter("del")] == ["red"]
    assert "".join("".join(mark.itertext()) for mark in root.iter("ins")) == "<blue>"


WORDS = st.text(st.sampled_from("<>&\"' ab.é{}-\n"), max_size=60)


@given(WORDS, WORDS)
def test_the_pieces_are_the_texts(a, b):
    pieces = list(words_that_differ(a, b))
    assert "".join(piece[1] for piece in pieces) == a
    assert "".join(piece[2] for piece in pieces) == b
    assert all(ours == theirs for equal, ours, theirs in pieces if equal)
