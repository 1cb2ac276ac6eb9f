from __future__ import annotations

import pytest

from imagegen_nb.core.words import counted, shortened


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1000, "1,000 images")]
)
def test_one_is_no_plural(number: int, text: str):
    assert counted(number, "image") == text


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abcd", "abcd"), ("abcde", "abc…")])
def test_what_is_cut_says_so(text: str, shown: str):
    assert shortened(text, 4) == shown
