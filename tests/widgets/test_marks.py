"""Stars and notes: what is kept, and what is refused."""

from __future__ import annotations

import pytest

from imagegen_nb.errors import InvalidOption
from imagegen_nb.widgets.marks import LONGEST_NOTE, Mark, MemoryMarks


def test_marks_are_kept_by_image_and_empty_ones_forgotten():
    marks = MemoryMarks()
    assert marks.read_mark("a") == Mark(starred=False, note="")
    marks.keep_mark("a", Mark(starred=True))
    marks.keep_mark("b", Mark(note="blue"))
    assert marks.read_mark("a").starred
    assert marks.read_mark("b") == Mark(note="blue")
    marks.keep_mark("a", Mark())
    assert marks._marks == {"b": Mark(note="blue")}


def test_a_note_has_a_longest_length():
    assert Mark(note="x" * LONGEST_NOTE).note
    with pytest.raises(InvalidOption, match=r"^note: it has 2,001 characters, at most 2,000"):
        Mark(note="x" * (LONGEST_NOTE + 1))
