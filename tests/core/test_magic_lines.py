"""The words of a magic's line, and where its comment begins."""

from __future__ import annotations

import pytest

from imagegen_nb.core.magic_lines import words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hero all", ["hero", "all"]),
        ("hero # it's \"free", ["hero"]),
        ("hero\t#", ["hero"]),
        ("# hero", []),
        ('hero#2 \'# no\' "a \\" # b"', ["hero#2", "# no", 'a " # b']),
        ("", []),
    ],
)
def test_a_comment_is_a_word_that_begins_with_a_hash(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_a_quote_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="No closing quotation"):
        words("it's # x")
