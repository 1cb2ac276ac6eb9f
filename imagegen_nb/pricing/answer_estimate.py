"""The most that a question about a picture can cost, before it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from imagegen_nb.pricing.price_lookup import prices_of
from imagegen_nb.pricing.vision_tokens import most_image_tokens

_AROUND = 200
"""Tokens that a provider puts around the text of a message: roles, and how a schema is told to the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedQuestion:
    """What decides the cost of a question: plain values. `width` and `height` are pixels as they are sent;
    `most_tokens` is the bound that is sent for the answer, thoughts included; `unpriced_account` names an
    account with prices of its own, through which an answer costs `most` dollars at most."""

    provider: str
    model: str
    question: str
    width: int
    height: int
    most_tokens: int
    schema: Mapping[str, Any] = field(default_factory=dict)
    unpriced_account: str = ""
    most: Decimal | None = None


def ceiling(asked: PricedQuestion) -> tuple[Decimal | None, str]:
    """The most that it can cost in dollars, or None and the reason. Each byte of text counts as a token."""
    if asked.unpriced_account:
        return asked.most, f"{asked.unpriced_account} has prices of its own"
    prices = prices_of(asked.provider, asked.model)
    if prices is None:
        return None, f"no price of {asked.model} is known here"
    image = most_image_tokens(asked.provider, asked.model, asked.width, asked.height)
    if image is None:
        return None, f"how many input tokens an image has for {asked.model} is not published"
    text = len(asked.question.encode("utf-8", "surrogatepass")) + len(json.dumps(asked.schema)) + _AROUND
    written = prices.tokens("cache write", text + image) if prices.amount("cache write") else Decimal(0)
    text_in, image_in = prices.tokens("text input", text), prices.tokens("image input", image)
    out = prices.tokens("text output", asked.most_tokens)
    if text_in is None or image_in is None or out is None:
        return None, f"no price of {asked.model} for input and output tokens is published"
    # What is written to a cache is billed so instead, at a price that is higher.
    return max(text_in + image_in, written or Decimal(0)) + out, ""
