"""A star and a note: what is refused, and that one is changed without the other."""

from __future__ import annotations

import pytest

from imagegen_nb.core.opinions import LONGEST_NOTE, Mark
from imagegen_nb.errors import InvalidOption


def test_a_note_has_a_longest_length():
    assert Mark(note="x" * LONGEST_NOTE).note
    with pytest.raises(InvalidOption, match=r"^note: it has 2,001 characters, at most 2,000"):
        Mark(note="x" * (LONGEST_NOTE + 1))


def test_one_is_changed_without_the_other():
    assert Mark(note="good").changed(True, None) == Mark(starred=True, note="good")
    assert Mark(starred=True, note="good").changed(False, "") == Mark()
