"""The plain values that travel between the floors: what is asked of a provider and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from imagegen_nb.errors import ImagegenError

ChargeType = Literal["hosted", "personal"]
"""Whose account pays: the workspace's hosted credit, or the user's own provider key."""

OnFailure = Literal["terminate", "continue"]
"""What a failing step does: raise `StepFailed`, or return a run whose output carries the error."""

Backend = Literal["live", "emulator", "simulation"]
"""Where requests went: the providers' own hosts (or a gateway), a loopback emulator, or nowhere at all."""

SYNTHETIC_BACKENDS: Mapping[str, str] = {"emulator": "EMULATED", "simulation": "SIMULATED"}
"""The backends whose images no provider made, and how whatever shows such images says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What a provider is asked for: plain values, every optional one left out when unset.

    `size` is `WIDTHxHEIGHT`, `auto` or a ratio such as `16:9`, as the model declares;
    `compression` is 0–100; `partial_images` above 0 asks for a streamed preview.
    """

    model: str
    prompt: str
    count: int = 1
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    moderation: str | None = None
    output_format: str | None = None
    compression: int | None = None
    partial_images: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used, as the provider reports it.

    `input` and `output` are tokens by modality (`text`, `image`, …), `total` all tokens,
    `cost_in_usd_ticks` xAI's own price (10,000,000,000 ticks are one US dollar). A figure the
    provider did not report is absent, never zero.
    """

    input: Mapping[str, int] = field(default_factory=dict)
    output: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    cost_in_usd_ticks: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=_sum_by_key(self.input, other.input),
            output=_sum_by_key(self.output, other.output),
            total=_sum(self.total, other.total),
            cost_in_usd_ticks=_sum(self.cost_in_usd_ticks, other.cost_in_usd_ticks),
        )

    def as_dict(self) -> dict[str, Any]:
        """The reported figures only, ready for JSON."""
        values = {
            "input_tokens": dict(self.input),
            "output_tokens": dict(self.output),
            "total_tokens": self.total,
            "cost_in_usd_ticks": self.cost_in_usd_ticks,
        }
        return {name: value for name, value in values.items() if value not in (None, {})}


def backend_mark(backend: str | None) -> str:
    """The end of a title that says that no provider made the images; empty for a live backend."""
    mark = SYNTHETIC_BACKENDS.get(backend or "", "")
    return f" · {mark}" if mark else ""


def _sum(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else a + b


def _sum_by_key(a: Mapping[str, int], b: Mapping[str, int]) -> Mapping[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in (*a, *(k for k in b if k not in a))}


@dataclass(frozen=True, slots=True)
class Partial:
    """An unfinished picture on its way: `index` counts previews from 0."""

    index: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One finished image as the provider sent it, not yet checked; `index` counts from 0."""

    index: int
    data: bytes = field(repr=False)
    declared_type: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why `count` of the requested images did not come."""

    error: ImagegenError
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one request used and what the provider said about it.

    `used` holds settings the provider echoed, by request name (`size`, `quality`, …), resolved:
    what was sent as `auto` is concrete here. `answered_by` is the model that answered.
    """

    usage: Usage = Usage()
    request_id: str | None = None
    answered_by: str | None = None
    used: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[str, Any] = field(default_factory=dict)


Delivery = Partial | GeneratedImage | Shortfall | Receipt
"""What `Provider.generate` yields, in the order things happen."""
