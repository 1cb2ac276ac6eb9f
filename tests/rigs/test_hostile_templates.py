"""Template attacks and runaway templates: nothing is evaluated, nothing grows, nothing takes long."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from contextlib import suppress

import pytest

from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.variables import LONGEST_TEXT, LONGEST_VALUE, paths, render
from imagegen_nb.errors import VariableError
from rigs.corpora import TEMPLATES, texts
from rigs.figures import Figure, cycles, none_of, note

CANARY = "9f8e7d"
CONTEXT = plain(
    {"subject": "fox", "items": ["a", "b"], "x": {"y": CANARY}, "loop": "{{subject}}", "seven": 7}
)
PROOFS = ("49", "class", "function", "object at", "uid=", "root:", "<module", "mappingproxy")
"""What stands in a text that was evaluated, and in none of the templates' own words."""


def outcome(template: str) -> str:
    try:
        return render(template, CONTEXT)
    except VariableError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_attack_is_refused_or_stays_text(template):
    text = outcome(template)
    if text.startswith("refused: "):
        return
    for path in paths(template):
        template = template.replace(f"{{{{{path}}}}}", render(f"{{{{{path}}}}}", CONTEXT))
    assert text.replace("{{subject\n}}", "fox") == template.replace("{{subject\n}}", "fox")
    assert not any(proof in text and proof not in template for proof in PROOFS)


def test_nothing_is_ever_evaluated():
    """A text is the template with its own values in it: whatever else it says was there before."""
    count, evaluated = cycles(3_000, 30_000), 0
    for template in texts(count):
        text = outcome(template)
        evaluated += any(proof in text and proof not in template for proof in PROOFS)
    note("templates", none_of(f"{count:,} attacks evaluated", evaluated))


def test_a_value_is_not_rendered_again():
    laughs = {"a": "{{b}}" * 10, "b": "{{c}}" * 10, "c": "ha"}
    assert render("{{a}}", laughs) == "{{b}}" * 10
    assert render("{{loop}}", CONTEXT) == "{{subject}}"


def names(dice: random.Random) -> str:
    letters = list("abcdefghijklmnopqrstuvwxyz" * 2)[:39]
    dice.shuffle(letters)
    return "".join(letters)


def alike(dice: random.Random, levels: int) -> dict:
    """Names that all look like each other, level below level: the dearest thing to compare."""
    inside: dict = {}
    for _ in range(levels):
        inside = {**{names(dice): 0 for _ in range(150)}, "k": inside}
    return inside


DICE = random.Random(1)
RUNAWAY = {
    "braces": ("{" * 65_536, {}),
    "closed braces": ("}" * 65_536, {}),
    "unclosed tags": ("{{a" * 21_845, {}),
    "spaces": ("{{" + " " * 65_532 + "}}", {}),
    "tags of spaces": (("{{" + " " * 1_000 + "}}") * 65, {}),
    "a long path": ("{{" + "a." * 32_000 + "a}}", {"a": {}}),
    "a long name": ("{{" + "a" * 65_000 + "}}", {"a" * 64_000: 1}),
    "many missing": (" ".join(f"{{{{a{n}}}}}" for n in range(7_000)), {"b": 1}),
    "many found": ("{{a}}" * 13_000, {"a": "x"}),
    "values that unfold": ("{{a}}" * 13_000, {"a": "x" * LONGEST_VALUE}),
    "wide values that unfold": ("{{a}}" * 13_000, {"a": "\U0001f98a" * LONGEST_VALUE}),
    "alike names": (" ".join(f"{{{{a.{names(DICE)}}}}}" for _ in range(1_500)), {"a": alike(DICE, 20)}),
    "alike names, deep": (
        " ".join(f"{{{{a.{'.'.join(names(DICE) for _ in range(10))}}}}}" for _ in range(150)),
        {"a": alike(DICE, 20)},
    ),
    "one list in sixty": (
        " ".join("{{a" + ".0" * n + "}}" for n in range(60)),
        {"a": json.loads("[" * 60 + "0" + ",0" * 30_000 + "]" * 60)},
    ),
}


@pytest.mark.parametrize("name", RUNAWAY)
def test_a_runaway_template_is_stopped(name):
    """The bound on memory is exact enough to assert; time is a figure."""
    template, context = RUNAWAY[name]
    started = time.process_time()
    try:
        text = render(template, context)
    except VariableError as error:
        text = str(error)
    took = 1000 * (time.process_time() - started)
    note("templates", Figure(f"{name}, {len(template):,} characters", f"{took:.1f} ms", "< 10 ms per 64 KB"))
    assert len(text) < 10 * LONGEST_TEXT
    tracemalloc.start()
    with suppress(VariableError):
        render(template, context)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
