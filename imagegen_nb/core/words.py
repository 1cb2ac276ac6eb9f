"""Small matters of English that several messages share."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `1,000 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, longest: int) -> str:
    """`text`, cut to `longest` characters with a sign that it was."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def listed(texts: Sequence[str], most: int) -> str:
    """`a, b`; of more than `most` the first ones, and how many more there are."""
    more = len(texts) - most
    shown = ", ".join(texts[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = stopped(text)
    return text[:1].upper() + text[1:]


def stopped(text: str) -> str:
    """With a full stop; what it begins with, perhaps a name, stays as it is."""
    text = text.strip()
    return text + ("" if text.endswith((".", "!", "?", "…")) or not text else ".")


def as_searched(text: str) -> str:
    """A text as searches compare it: without regard to case, and letters with accents as one character each,
    which macOS and others write as two."""
    return normalize("NFC", normalize("NFC", text).casefold())
