"""Keys in the shapes the providers give them, drawn at random."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

ALPHABET = string.ascii_letters + string.digits
WIDE = ALPHABET + "_-"
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "an OpenAI key": lambda dice: (
        "sk-" + dice.choice(["", "proj-", "svcacct-", "admin-"]) + drawn(dice, WIDE, dice.choice([48, 156]))
    ),
    "an xAI key": lambda dice: "xai-" + drawn(dice, ALPHABET, 80),
    "a Google API key": lambda dice: "AIza" + drawn(dice, WIDE, 35),
    "a Gemini API key": lambda dice: "AQ." + drawn(dice, WIDE, 50),
}


def drawn(dice: random.Random, alphabet: str, length: int) -> str:
    return "".join(dice.choices(alphabet, k=length))


def one_of_each() -> dict[str, str]:
    return {kind: make(random.Random(7)) for kind, make in MAKERS.items()}


each_kind = pytest.mark.parametrize("kind", MAKERS)
