from __future__ import annotations

import pytest

from imagegen_nb.core.words import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1000, "1,000 images")]
)
def test_one_is_no_plural(number: int, text: str):
    assert counted(number, "image") == text
