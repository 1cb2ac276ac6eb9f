"""What a run did cost, by the provider's own account of it; unknown, with the reason, where it gives none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from imagegen_nb.core.money import CURRENCY, from_ticks, show
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import ResponseMetadata
from imagegen_nb.errors import ImagegenError, ProviderError
from imagegen_nb.pricing.image_tokens import FEWEST
from imagegen_nb.pricing.price import PriceList, Unit
from imagegen_nb.pricing.price_lookup import prices_of

_TEXT_OUTPUT = ("text", "thoughts")
_ABSURD = 100_000
"""Dollars that no request costs: a broken answer that states more must not use up a budget for good, nor keep
the store from recording its images."""
_CURRENCIES = ("currency", "cost_currency")
"""Where a gateway says it, if it does: then no other currency is taken for dollars."""
_NO_AMOUNT = "the amount stated in the response cannot be the cost of a request"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cost:
    """What a run cost. `amount` is in dollars, and None where it is unknown; `reasons` then say why, and
    `at_least` is what is known of it. `source` says by whose account that is.

    `images` is how many came. `synthetic` says that no provider made them: the amount is what the same usage
    would have cost. `replayed` says that a recording answered, which costs nothing; `recorded` is then what
    it had cost.
    """

    amount: Decimal | None
    at_least: Decimal = Decimal(0)
    reasons: tuple[str, ...] = ()
    source: str = ""
    images: int = 0
    synthetic: bool = False
    replayed: bool = False
    recorded: Decimal | None = None
    currency: str = CURRENCY

    @property
    def per_image(self) -> Decimal | None:
        """The amount over the images that came; None where either is missing. Providers account for
        requests, so what failed images cost is in it."""
        return None if self.amount is None or not self.images else self.amount / self.images

    @property
    def short(self) -> str:
        """The cost in a few words, for a line of a form."""
        if self.amount is None and not self.replayed:
            known = f"at least {show(self.at_least)}, " if self.at_least else ""
            return f"cost {known}the rest unknown" if known else "cost unknown"
        return self._in_words(self.amount or Decimal(0))

    @property
    def short_per_image(self) -> str:
        """One image's share in the same words; empty where it is unknown or nothing."""
        return self._in_words(self.per_image) if self.per_image else ""

    def _in_words(self, amount: Decimal) -> str:
        if self.replayed:
            return "$0.00: replayed"
        return f"{show(amount)} if it were real" if self.synthetic else show(amount)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; amounts are text, so that no digit is lost."""
        values: dict[str, Any] = {
            "amount": None if self.amount is None else f"{self.amount:f}",
            "currency": self.currency,
            "at_least": f"{self.at_least:f}" if self.amount is None else None,
            "reasons": list(self.reasons),
            "source": self.source or None,
            "synthetic": self.synthetic,
            "replayed": self.replayed,
        }
        return {name: value for name, value in values.items() if name == "amount" or value not in (None, [])}

    def __repr__(self) -> str:
        return f"{self.short} ({'; '.join(self.reasons)})" if self.reasons else self.short


class Account(NamedTuple):
    """The cost of a run's requests: the amount or None, what is known of it, why the rest is not, and by
    whose account."""

    amount: Decimal | None
    at_least: Decimal
    reasons: tuple[str, ...]
    source: str = ""


def cost_of(
    receipts: Sequence[ResponseMetadata],
    errors: Iterable[ImagegenError],
    *,
    provider: str,
    model: str,
    declared: bool = False,
    unpriced_account: str = "",
    batch: bool = False,
    images: int = 0,
) -> Account:
    """The cost of a run's requests. `errors` are those of the run and of the images that did not come, of
    which `images` did; `batch` says that the requests were made in a provider's batch."""
    known, reasons, priced, sources = Decimal(0), list[str](), set[str](), dict[str, None]()
    prices = None if declared or unpriced_account else prices_of(provider, model, batch=batch)
    fewest = FEWEST if provider == "gemini" else 0
    # A request that was blocked has no output, one that gave an image has some.
    is_silent = images > sum(any(receipt.usage.output.values()) for receipt in receipts)
    for receipt in receipts:
        amount, told = _of_request(receipt, prices, unpriced_account or model, fewest, is_silent=is_silent)
        if amount is None:
            reasons.append(told)
        else:
            known += amount
            sources[told] = None
        if (amount is not None or receipt.reported) and receipt.request_id:
            priced.add(receipt.request_id)
    for error in errors:
        if isinstance(error, ProviderError) and error.charge != "none" and error.request_id not in priced:
            what = "was charged" if error.charge == "charged" else "may have been charged"
            reasons.append(f"a request that gave no usable image {what}, and the amount was not reported")
    reasons = list(dict.fromkeys(reasons))
    return Account(None if reasons else known, known, tuple(reasons), ", ".join(sources))


def _of_request(
    receipt: ResponseMetadata, prices: PriceList | None, name: str, fewest: int, *, is_silent: bool
) -> tuple[Decimal | None, str]:
    """The amount and by whose account, or None and why. `fewest` are the tokens that an image has at least,
    and `is_silent` says that more images came than requests with output tokens."""
    usage = receipt.usage
    if _amount(receipt.reported.get("cost")) is not None:
        return _stated(receipt.reported)
    if usage.cost_in_usd_ticks is not None:
        ticks = from_ticks(usage.cost_in_usd_ticks)
        return (ticks, "the ticks that the response states") if 0 <= ticks < _ABSURD else (None, _NO_AMOUNT)
    if prices is None and receipt.reported.get("cost") is not None:
        return None, _NO_AMOUNT
    if not any(usage.input.values()) and not any(usage.output.values()):
        return None, "the provider reported no usage"
    if prices is None:
        return None, f"no price of {name} is known here, and the answer names none"
    if not any(usage.input.values()):
        return None, "the provider reported no input tokens"
    if is_silent and not any(usage.output.values()):
        return None, "the provider reported no output tokens"
    counts, reason = _billed(receipt, fewest if prices.amount("image output") is not None else None)
    total = Decimal(0)
    for unit, count in counts.items():
        amount = prices.tokens(unit, count)
        if amount is None:
            return None, f"no price of {name} for {unit} is published"
        total += amount
    return (None, reason) if reason else (total, "the tokens that were reported, at the published price")


def _stated(reported: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """What a gateway says that a request cost: OpenRouter's usage accounting, which others have taken over.

    `cost` is what it charges. For a request that went out with a key of the user's own (`is_byok`) that is
    its fee, and what the provider charges that key comes on top; in every other answer the same field is a
    part of the cost, and would count twice. From openrouter.ai/docs, "Usage Accounting" and "Generate an
    image", and answers quoted in tailcallhq/forgecode#1641 and DataDog/dd-trace-py#19324, read 2026-11-28.
    """
    fee = _amount(reported.get("cost"))
    for name in _CURRENCIES:
        currency = reported.get(name)
        if isinstance(currency, str) and currency.strip().upper() not in ("", CURRENCY):
            return None, f"the response states its cost in {redact(currency, limit=20)}, not in {CURRENCY}"
    if fee is None or reported.get("is_byok") is not True:
        return fee, "usage.cost of the response"
    upstream = _amount(_mapping(reported.get("cost_details")).get("upstream_inference_cost"))
    if upstream is None:
        return None, "the gateway states its fee, and not what the provider charged your own key"
    return fee + upstream, "usage.cost of the response and what the provider charged your own key"


def _billed(receipt: ResponseMetadata, fewest: int | None) -> tuple[dict[Unit, int], str]:
    """Tokens by what they are billed as, and why that cannot be told; `fewest` are those that an image has at
    least, None where the model makes none."""
    usage, counts = receipt.usage, dict[Unit, int]()

    def add(unit: Unit, count: int) -> None:
        counts[unit] = counts.get(unit, 0) + count

    for modality, count in usage.input.items():
        add("image input" if modality == "image" else "text input", count)
    for modality, count in usage.output.items():
        if modality == "image":
            add("image output", count)
        elif modality in _TEXT_OUTPUT or usage.output.get("image") or fewest is None or count < fewest:
            add("text output", count)  # what is not itemised beside an image, or is too little for one
        elif count:
            return counts, f"{count:,} output tokens are of no kind that the provider names"
    if written := _written_to_cache(receipt.reported):
        if written > counts.get("text input", 0):
            return counts, "more input tokens are reported as written to a cache than were sent"
        add("text input", -written)
        add("cache write", written)
    cached, reason = _cached(receipt.reported, usage.input)
    for modality, count in cached.items():
        plain: Unit = "image input" if modality == "image" else "text input"
        if not count:
            continue
        if count > counts.get(plain, 0):
            return counts, "more input tokens are reported as cached than were sent"
        counts[plain] -= count
        add("cached image input" if modality == "image" else "cached text input", count)
    return counts, reason


def _cached(reported: Mapping[str, Any], came: Mapping[str, int]) -> tuple[dict[str, int], str]:
    """Input tokens read from a cache, by modality, and why that cannot be told."""
    details = _mapping(reported.get("input_tokens_details"))
    total = _read_from_cache(reported)
    itemised = {
        "text": _count(_mapping(details.get("cached_tokens_details")).get("text_tokens")),
        "image": _count(_mapping(details.get("cached_tokens_details")).get("image_tokens")),
    }
    by_google = reported.get("cacheTokensDetails")
    for detail in map(_mapping, by_google if isinstance(by_google, list) else []):
        kind = "image" if detail.get("modality") == "IMAGE" else "text"
        itemised[kind] += _count(detail.get("tokenCount"))
    if not total or sum(itemised.values()) == total:
        return itemised, ""
    kinds = [kind for kind, count in came.items() if count]
    if len(kinds) == 1:
        return {"image" if kinds[0] == "image" else "text": total}, ""
    return {}, "the provider does not say which of the input tokens came from a cache"


def _read_from_cache(reported: Mapping[str, Any]) -> int:
    """Input tokens read from a cache, as far as they are told in one number."""
    details = (_mapping(reported.get(f"{name}_tokens_details")) for name in ("input", "prompt"))
    counts = [_count(each.get("cached_tokens")) for each in details]
    return next(filter(None, [counts[0], _count(reported.get("cachedContentTokenCount")), counts[1]]), 0)


def _written_to_cache(reported: Mapping[str, Any]) -> int:
    """Input tokens written to a cache."""
    return _count(_mapping(reported.get("input_tokens_details")).get("cache_write_tokens"))


def cache_use(receipts: Iterable[ResponseMetadata]) -> tuple[Counter[str], int]:
    """Input tokens that requests have read from a cache, all of them under `all` and by modality as far as
    that is told, and those they have written to one."""
    read, written = Counter[str](), 0
    for receipt in receipts:
        by_modality, _ = _cached(receipt.reported, receipt.usage.input)
        read.update(by_modality)
        read["all"] += _read_from_cache(receipt.reported) or sum(by_modality.values())
        written += _written_to_cache(receipt.reported)
    return read, written


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _amount(value: object) -> Decimal | None:
    """A number of dollars as a gateway states it; anything else tells nothing, text included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not 0 <= value < _ABSURD:  # nor NaN
        return None
    return Decimal(str(value))
