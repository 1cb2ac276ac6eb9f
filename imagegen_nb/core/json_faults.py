"""Why a text is no JSON, in plain words: what the parser says of it speaks of its own inside."""

from __future__ import annotations

import re

_PLACE = re.compile(r" at line (?P<line>\d+) column (?P<column>\d+)$")
_REASONS = {
    "EOF": "it ends too early",
    "Detected duplicate key": "a name that stands there before",
    "control character": r"a line break or tab within a text, which JSON writes \n or \t",
    "expected `,`": "a comma or a closing bracket is missing",
    "expected `:`": "a colon is missing",
    "expected ident": "a word without quotes, which only true, false and null are",
    "expected value": "a value is missing, or not written as in JSON",
    "invalid escape": r"a backslash in a text, which JSON writes \\",
    "invalid number": "a number that is not written as in JSON",
    "invalid unicode": "a character that is not UTF-8",
    "key must be a string": "a name without double quotes",
    "lone leading surrogate": "half of a character",
    "number out of range": "a number that is too long",
    "recursion limit": "brackets within brackets, too deep",
    "trailing characters": "something behind the end",
    "trailing comma": "a comma too many",
    "unexpected end of hex": "half of a character",
}
"""Beginnings of what jiter says, in words for whoever wrote the text."""


def ends_too_early(error: ValueError) -> bool:
    """Whether the text may only have been cut off."""
    return str(error).startswith("EOF")


def place_and_reason(error: ValueError) -> str:
    """Where a text is no JSON, and why: `line 2, column 11: a colon is missing`. The text, which may hold a
    key, is not repeated."""
    said = str(error)
    reason = next((words for beginning, words in _REASONS.items() if said.startswith(beginning)), "")
    return f"{place_of(error)}: {reason}" if reason else place_of(error)


def place_of(error: ValueError) -> str:
    """Where a text is no JSON: `line 2, column 11`."""
    match = _PLACE.search(str(error))
    if match is None:
        return "it cannot be read"
    line, column = int(match["line"]), int(match["column"])
    # A line break that is the fault counts as the beginning of the next line.
    return f"line {line}, column {column}" if column or line == 1 else f"the end of line {line - 1}"
