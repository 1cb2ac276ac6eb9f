"""What a run would cost, before anything is spent: an amount, a range, or unknown with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from imagegen_nb.core import html_repr
from imagegen_nb.core.money import CURRENCY, show_range
from imagegen_nb.core.words import counted
from imagegen_nb.pricing import image_tokens as grids
from imagegen_nb.pricing.amount_in_words import amount_in_words, because
from imagegen_nb.pricing.price import Price, PriceList, Unit
from imagegen_nb.pricing.price_lookup import prices_of

_PROMPT_NOTE = (
    "the prompt counts as 1 token at least, and as one for each byte at most: no tokenizer is published"
)
_ANY_BYTE = "x"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Estimate:
    """What a run of `count` images would cost, in dollars of the provider's list price.

    `low` and `high` bound it; they are equal where it is exact, and None where it is unknown, for which
    `reason` says why. `ceiling` is the most that it can cost by what is published, also where the estimate
    is unknown because the model may choose; None where it has no upper bound. `task_credits` is what the
    platform counts besides. `prices` are those it was computed from, by unit.
    """

    provider: str
    model: str
    count: int
    low: Decimal | None = None
    high: Decimal | None = None
    ceiling: Decimal | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    prices: dict[Unit, Price] = field(default_factory=dict)
    currency: str = CURRENCY

    @property
    def known(self) -> bool:
        """Whether there are amounts; an unknown cost is None, never 0."""
        return self.low is not None

    @property
    def exact(self) -> bool:
        """Whether the amount is known to the last digit."""
        return self.low is not None and self.low == self.high

    @property
    def per_image(self) -> tuple[Decimal, Decimal] | None:
        """The bounds for one image of the run, its share of the prompt included."""
        if self.low is None or self.high is None:
            return None
        return self.low / self.count, self.high / self.count

    @property
    def task_credits(self) -> int:
        """Credits the platform counts for its tasks: 1 for each image."""
        return self.count

    @property
    def amount(self) -> str:
        """What is known of the amount, in words, without the reason."""
        about = "about " if self.known and not self.exact else ""
        return f"{about}{amount_in_words(self.low, self.high, ceiling=self.ceiling)}"

    @property
    def short(self) -> str:
        """The estimate in a few words, for a line of a form."""
        task_credits = counted(self.task_credits, "task credit")
        return f"{self.amount}{because(self.reason)} · {task_credits}"

    @property
    def title(self) -> str:
        """The model, the images and the cost in one line."""
        return f"{self.model} · {counted(self.count, 'image')} · {self.short.removeprefix('about ')}"

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; amounts are text, so that no digit is lost, and null where unknown."""
        amounts = {name: getattr(self, name) for name in ("low", "high", "ceiling")}
        return {
            "provider": self.provider,
            "model": self.model,
            "count": self.count,
            **{name: None if amount is None else f"{amount:f}" for name, amount in amounts.items()},
            "currency": self.currency,
            "reason": self.reason,
            "task_credits": self.task_credits,
            "notes": list(self.notes),
            "prices": {
                unit: {"amount": f"{price.amount:f}", "source": price.source, "date": price.date}
                for unit, price in self.prices.items()
            },
        }

    def _notes(self) -> list[str]:
        each = self.per_image
        notes = [f"{show_range(*each)} per image"] if each is not None and self.count > 1 else []
        sources = dict.fromkeys((price.source, price.date) for price in self.prices.values())
        return [*notes, *self.notes, *(f"prices: {source}, {date}" for source, date in sources)]

    def __repr__(self) -> str:
        return html_repr.text(self.title, self._notes(), ())

    def _repr_html_(self) -> str:
        return html_repr.html(self.title, self._notes(), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedCall:
    """What decides the cost of a run: plain values, so that forms and runs can ask alike.

    `size`, `quality` and `resolution` are those in effect, None where the model has no such setting.
    `declared` says that the user declared the model; `unpriced_account` names an account with other prices,
    through which an image costs `most` dollars at most, where the user has said so; `batch` that it is asked
    for in a provider's batch, at other prices.
    """

    provider: str
    model: str
    prompt: str
    count: int = 1
    size: str | None = None
    quality: str | None = None
    resolution: str | None = None
    partial_images: int = 0
    declared: bool = False
    unpriced_account: str = ""
    most: Decimal | None = None
    batch: bool = False

    @property
    def prompt_bytes(self) -> int:
        """The bytes of the prompt, which bound its tokens: no tokenizer is published."""
        return len(self.prompt.encode("utf-8", "surrogatepass"))

    def without_words(self) -> PricedCall:
        """A call that costs the same, and is equal to that of every other prompt of this length."""
        return replace(self, prompt=_ANY_BYTE * self.prompt_bytes)


def estimate(call: PricedCall) -> Estimate:
    """What the call would cost. Nothing is sent or read."""
    bounds, reason = _bounds(call)
    bare = _without_amounts(call)
    if bounds is None:
        return replace(bare, reason=reason, notes=(), ceiling=_ceiling(call))
    low, high = bounds
    if reason:
        return replace(bare, ceiling=high, reason=reason)
    return replace(bare, low=low, high=high, ceiling=high)


def _ceiling(call: PricedCall) -> Decimal | None:
    """The most that a call without a price can cost: what the user has said of the account, and in a batch
    what it would by itself, since no provider's batches cost more."""
    if call.unpriced_account:
        return None if call.most is None else call.most * call.count
    bounds, _ = _bounds(replace(call, batch=False))
    return None if bounds is None else bounds[1]


def span(call: PricedCall) -> Estimate:
    """As `estimate`, but what the model may choose widens the range instead of leaving it unknown."""
    bounds, reason = _bounds(call)
    if bounds is None:
        return estimate(call)
    bare, (low, high) = _without_amounts(call), bounds
    notes = (*bare.notes, reason) if reason else bare.notes
    return replace(bare, low=low, high=high, ceiling=high, notes=notes)


def _without_amounts(call: PricedCall) -> Estimate:
    prices = _prices(call)
    return Estimate(
        provider=call.provider,
        model=call.model,
        count=call.count,
        notes=_notes(call, prices),
        prices=dict(prices.prices) if prices is not None else {},
    )


def _prices(call: PricedCall) -> PriceList | None:
    if call.declared or call.unpriced_account:
        return None
    return prices_of(call.provider, call.model, batch=call.batch)


def _bounds(call: PricedCall) -> tuple[tuple[Decimal, Decimal] | None, str]:
    """The least and the most that a call can cost, and why it cannot be told better; no bounds where no
    price is known."""
    if call.declared:
        return None, f"{call.model} is declared by the user: its price is unknown here"
    if call.unpriced_account:
        return None, f"{call.unpriced_account} has prices of its own"
    prices = _prices(call)
    if prices is None:
        return None, f"no price of {call.model} {'in a batch ' if call.batch else ''}is published"
    if (each := prices.image(call.quality, call.resolution)) is not None:
        return (each * call.count, each * call.count), ""
    tokens = grids.image_tokens(call.model, call.size, call.quality, call.resolution)
    if tokens is None:
        return None, f"how many tokens an image of {call.model} has is not published"
    previews = call.partial_images * grids.PARTIAL_IMAGE
    thoughts = grids.THOUGHTS.get(call.model, 0)
    # Gemini is sent the prompt with each image, OpenAI once.
    requests = call.count if call.provider == "gemini" else 1
    most = max(1, call.prompt_bytes)
    parts: tuple[tuple[Unit, int, int], ...] = (
        ("text input", requests, requests * most),
        ("image output", call.count * tokens.low + previews, call.count * tokens.high + previews),
        ("text output", 0, call.count * thoughts),
    )
    low, high = Decimal(0), Decimal(0)
    for unit, fewest, greatest in parts:
        least, dearest = prices.tokens(unit, fewest), prices.tokens(unit, greatest)
        if least is None or dearest is None:
            return None, f"no price of {call.model} for {unit} is published"
        low, high = low + least, high + dearest
    return (low, high), tokens.open_because


def _notes(call: PricedCall, prices: PriceList | None) -> tuple[str, ...]:
    if prices is None or prices.image(call.quality, call.resolution) is not None:
        return ()
    thoughts = grids.THOUGHTS.get(call.model)
    if not thoughts:
        return (_PROMPT_NOTE,)
    most = f"up to {thoughts:,} tokens of thoughts per image: the most recorded, no bound is published"
    return (_PROMPT_NOTE, most)
