"""What a value that no setting takes was surely meant to be: `1024*1024`, `High`, `jpg`, the text `2`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import gcd

_LONGEST = 40
"""Characters of a value that is looked at: nobody writes longer ones."""
_TWO_NUMBERS = re.compile(r"(\d{1,5})\s*(?:px)?\s*([x×*,:/ ])\s*(\d{1,5})\s*(?:px)?", re.IGNORECASE)
_LONGEST_EDGE = 99_999
"""As many digits as are read of a text."""
_LARGEST_RATIO = 32
"""Two numbers up to here are an aspect ratio: no image is as small."""
_SHAPES = {"square": (1, 1), "landscape": (3, 2), "wide": (3, 2), "portrait": (2, 3), "tall": (2, 3)}
_OTHER_WORDS = {
    "jpg": "jpeg",
    "jpe": "jpeg",
    "hd": "high",
    "best": "high",
    "none": "transparent",
    "clear": "transparent",
    "solid": "opaque",
    "own": "personal",
    "byok": "personal",
    "stop": "terminate",
    "fail": "terminate",
    "ignore": "continue",
    "skip": "continue",
}
"""What other tools call values."""


def word(value: object, values: Sequence[str]) -> str:
    """The one of `values` that was meant; empty where that is not plain."""
    if isinstance(value, str) and len(value) <= _LONGEST:
        plain = value.strip().casefold().lstrip(".").removeprefix("image/")
        for one in (plain, _OTHER_WORDS.get(plain, "")):
            if one in values:
                return one
    return _ratio(value, values)


def _ratio(value: object, values: Sequence[str]) -> str:
    """The aspect ratio among `values` that a size, or a ratio in other words, has."""
    found = numbers(value)
    if found is None:
        return ""
    width, height, _ = found
    ratio = f"{width // gcd(width, height)}:{height // gcd(width, height)}"
    return ratio if ratio in values else ""


def whole_number(value: object) -> int | None:
    """The whole number that a text or a fraction means."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and (match := re.fullmatch(r"\s*([0-9]{1,9})\s*%?\s*", value)):
        return int(match[1])
    return None


def numbers(value: object) -> tuple[int, int, bool] | None:
    """Width and height out of two numbers, one, or a word, and whether only their ratio is meant; None where
    an edge is none that an image has."""
    found = _two_numbers(value)
    return found if found is not None and all(0 < edge <= _LONGEST_EDGE for edge in found[:2]) else None


def _two_numbers(value: object) -> tuple[int, int, bool] | None:
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in _SHAPES:
            return (*_SHAPES[text.casefold()], True)
        if len(value) > _LONGEST:
            return None
        if match := _TWO_NUMBERS.fullmatch(text):
            width, height = int(match[1]), int(match[3])
            return width, height, match[2] in ":/" or max(width, height) <= _LARGEST_RATIO
        value = whole_number(text.removesuffix("px"))
    if isinstance(value, Mapping):
        value = (value.get("width"), value.get("height"))
    if isinstance(value, tuple | list) and len(value) == 2 and all(type(one) is int for one in value):
        width, height = value
        return width, height, max(width, height) <= _LARGEST_RATIO
    edge = value if type(value) is int else whole_number(value)
    return (edge, edge, False) if edge is not None and edge > _LARGEST_RATIO else None
