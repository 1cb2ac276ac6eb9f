from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from imagegen_nb.pricing.answer_estimate import PricedQuestion, ceiling

ASKED = PricedQuestion(
    provider="openai", model="gpt-5.4-mini", question="x" * 800, width=1024, height=1024, most_tokens=4000
)


def test_it_is_text_and_image_and_the_longest_answer():
    most, reason = ceiling(ASKED)
    text = 800 + len("{}") + 200
    assert most == (Decimal("0.75") * (text + 1659) + Decimal("4.5") * 4000) / 1_000_000
    assert reason == ""


def test_what_can_be_written_to_a_cache_counts_at_that_price():
    most, _ = ceiling(replace(ASKED, model="gpt-5.6-luna"))
    text = 800 + len("{}") + 200
    assert most == (Decimal("0.25") * (text + 1229) + Decimal("1.2") * 4000) / 1_000_000


def test_each_byte_of_text_counts():
    assert ceiling(replace(ASKED, question="ü" * 800))[0] > ceiling(ASKED)[0]
    assert ceiling(replace(ASKED, schema={"type": "object"}))[0] > ceiling(ASKED)[0]


def test_what_nothing_bounds_has_a_reason():
    assert ceiling(replace(ASKED, model="gpt-9")) == (None, "no price of gpt-9 is known here")
    assert ceiling(replace(ASKED, unpriced_account="gateway")) == (None, "gateway has prices of its own")
    unbounded = ceiling(replace(ASKED, provider="openai", model="gpt-image-2"))
    assert unbounded == (None, "how many input tokens an image has for gpt-image-2 is not published")
