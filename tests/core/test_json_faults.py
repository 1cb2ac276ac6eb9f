"""Why a text is no JSON."""

from __future__ import annotations

import jiter
import pytest

from imagegen_nb.core.json_faults import ends_too_early, place_and_reason


def fault(text: str | bytes) -> ValueError:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ValueError, match=r".") as refused:
        jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    return refused.value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1, column 0: it ends too early"),
        ('{"a": tru}', "line 1, column 10: a word without quotes, which only true, false and null are"),
        ("trusted", "line 1, column 4: a word without quotes, which only true, false and null are"),
        ("hello", "line 1, column 1: a value is missing, or not written as in JSON"),
        ('{\n "a": 1 "b": 2}', "line 2, column 9: a comma or a closing bracket is missing"),
        ("[1 2]", "line 1, column 4: a comma or a closing bracket is missing"),
        ('{"a" 1}', "line 1, column 6: a colon is missing"),
        ("{'a': 1}", "line 1, column 2: a name without double quotes"),
        ('{"a": 1,}', "line 1, column 9: a comma too many"),
        ('{"a": 1} x', "line 1, column 10: something behind the end"),
        ('{"a": 1, "a": 2}', "line 1, column 14: a name that stands there before"),
        (
            '{"a": "b\nc"}',
            r"the end of line 1: a line break or tab within a text, which JSON writes \n or \t",
        ),
        (r'{"a": "C:\q"}', r"line 1, column 11: a backslash in a text, which JSON writes \\"),
        ('{"a": 1.}', "line 1, column 9: a number that is not written as in JSON"),
        (f'{{"a": {"9" * 5_000}}}', "line 1, column 4308: a number that is too long"),
        (b'{"\xff": 1}', "line 1, column 3: a character that is not UTF-8"),
        (r'{"a": "\ud83d"}', "line 1, column 14: half of a character"),
        (r'{"a": "\udc00"}', "line 1, column 13: half of a character"),
        ("[" * 1_000, "line 1, column 202: brackets within brackets, too deep"),
    ],
)
def test_it_is_told_where_and_why_in_plain_words(text, told):
    assert place_and_reason(fault(text)) == told


def test_only_what_may_have_been_cut_off_ends_too_early():
    assert ends_too_early(fault('{"a": {'))
    assert not ends_too_early(fault('{"a": }'))


def test_nothing_of_the_text_is_repeated():
    assert "canary" not in place_and_reason(fault('{"canary": 1, "canary": 2}'))
    assert place_and_reason(ValueError("canary")) == "it cannot be read"
