"""Stars, notes and scores: what is refused, and that a star is changed without its note."""

from __future__ import annotations

import pytest

from imagegen_nb.core.opinions import LONGEST_NOTE, LONGEST_SCORE, Mark, Score
from imagegen_nb.errors import InvalidOption


def test_a_note_has_a_longest_length():
    assert Mark(note="x" * LONGEST_NOTE).note
    with pytest.raises(InvalidOption, match=r"^note: it has 2,001 characters, at most 2,000"):
        Mark(note="x" * (LONGEST_NOTE + 1))


def test_one_is_changed_without_the_other():
    assert Mark(note="good").changed(True, None) == Mark(starred=True, note="good")
    assert Mark(starred=True, note="good").changed(False, "") == Mark()


def score(**values):
    return Score(id="a", image="a", judge="sharp", values=values, scored_at="2026-11-27T10:00:00+00:00")


def test_a_judge_says_numbers_and_texts():
    assert score(score=7.5, whole=True, count=3, why="é 🦊").values["why"] == "é 🦊"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "returned nothing"),
        ({"score": None}, "'score' is of type NoneType"),
        ({"score": [1]}, "'score' is of type list"),
        ({1: 2}, "1 is of type int"),
        ({"score": float("nan")}, "'score' is not finite"),
        ({"score": float("-inf")}, "'score' is not finite"),
        ({"score": 10**400}, "'score' is not finite"),
        ({"why": "\ud800"}, "a broken character"),
        ({"why": "x" * LONGEST_SCORE}, "at most 10,000 are kept"),
    ],
)
def test_what_a_judge_may_not_say_is_named(values, told):
    with pytest.raises(InvalidOption, match=told):
        Score(id="a", image="a", judge="sharp", values=values, scored_at="")
