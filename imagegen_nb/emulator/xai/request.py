"""xAI's `POST /v1/images/generations`: which requests it takes, what they cost, how it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.responses import Answer, Item, Refusal, json_answer
from imagegen_nb.emulator.tokens import usd_ticks
from imagegen_nb.emulator.xai.errors import error, undeserializable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Grok:
    """One served model: who really answers, whether it takes `quality`, its price in US cents.

    prices: by quality, then resolution. The price of 1.5k is not published; it is billed here as 2k.
    """

    served_by: str
    takes_quality: bool
    ratios: frozenset[str]
    prices: Mapping[str, Mapping[str, int]]


RESOLUTIONS: Final = {"1k": 1024, "1.5k": 1536, "2k": 2048}
RATIOS: Final = ("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2",
                 "2:1", "auto")  # fmt: skip
_ALL: Final = frozenset(RATIOS)
_WIDE: Final = _ALL | {"21:9", "5:2"}
_LOW: Final = {"1k": 4, "1.5k": 6, "2k": 6}
_MEDIUM: Final = {"1k": 6, "1.5k": 8, "2k": 8}
_ONE: Final = Grok("grok-imagine-image", False, _ALL, {"low": {"1k": 2, "1.5k": 2, "2k": 2}})
_TWO: Final = Grok("grok-imagine-image-2.0", True, _WIDE, {"low": _LOW, "medium": _MEDIUM})
#: Retired, still resolved: answered and billed by 2.0 at low quality, which the caller cannot change.
_REDIRECTED: Final = Grok("grok-imagine-image-2.0", False, _WIDE, {"low": _LOW})

MODELS: Final = {
    "grok-imagine-image": _ONE,
    "grok-imagine-image-2026-03-02": _ONE,
    "grok-imagine-image-2.0": _TWO,
    "grok-imagine-image-quality": _REDIRECTED,
    "grok-imagine-image-quality-20260403": _REDIRECTED,
    "grok-imagine-image-quality-latest": _REDIRECTED,
    "grok-imagine-image-pro": _REDIRECTED,
}
STRINGS: Final = ("model", "prompt", "response_format", "aspect_ratio", "resolution", "quality", "user")
QUALITIES: Final = ("low", "medium", "auto")
FORMATS: Final = ("b64_json", "url")
MAX_PROMPT: Final = 32_000


@dataclass(frozen=True, slots=True)
class XaiPlan:
    """A checked request."""

    model: str
    prompt: str
    n: int
    ratio: str
    resolution: str
    quality: str
    as_url: bool

    def drawings(self) -> list[Drawing]:
        """The pictures to make: always JPEG."""
        width, height = pixel_size(self.ratio, self.resolution)
        served = MODELS[self.model].served_by
        return [
            Drawing(served, self.prompt, width, height, "jpeg", self.resolution, index, self.n, 90)
            for index in range(self.n)
        ]

    def ticks(self, images: int) -> int:
        """Price of `images` pictures, in ticks."""
        return usd_ticks(MODELS[self.model].prices[self.quality][self.resolution], images)


def pixel_size(ratio: str, resolution: str) -> tuple[int, int]:
    """Pixels of a ratio: the resolution's square in area, edges rounded to 16 (`auto` is square)."""
    across, down = (float(part) for part in ("1:1" if ratio == "auto" else ratio).split(":"))
    edge = RESOLUTIONS[resolution]
    width, height = edge * math.sqrt(across / down), edge * math.sqrt(down / across)
    return round(width / 16) * 16, round(height / 16) * 16


def authenticate(headers: Mapping[str, str]) -> str:
    """The bearer key; a wrong one is a 400 here, not a 401."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refusal(error(401, "unauthenticated", "No API key provided. Send it as a bearer token."))
    if "invalid" in key:
        message = (
            f"Incorrect API key provided: {key[:2]}***{key[-2:]}. "
            "You can obtain an API key from https://console.x.ai."
        )
        raise Refusal(error(400, "invalid-argument", message))
    return key.strip()


def plan(body: Any) -> XaiPlan:
    """Check `body`; types, missing fields and unknown enum values are 422, the rest 400."""
    if not isinstance(body, dict):
        raise Refusal(undeserializable("expected a JSON object"))
    given = {name: value for name, value in body.items() if value is not None}
    for name in ("model", "prompt"):
        if name not in given:
            raise Refusal(undeserializable(f"missing field `{name}`"))
    for name in STRINGS:
        if name in given and not isinstance(given[name], str):
            raise Refusal(undeserializable(f"{name}: invalid type, expected a string"))
    if type(given.get("n", 1)) is not int:
        raise Refusal(undeserializable("n: invalid type, expected an integer"))
    model: str = given["model"]
    if model not in MODELS:
        raise Refusal(
            error(404, "not-found", f"The model {model} does not exist or your team has no access to it.")
        )
    grok = MODELS[model]
    for name in given:
        if name not in (*STRINGS, "n") or (name == "quality" and not grok.takes_quality):
            raise Refusal(error(400, "invalid-argument", f"Argument not supported: {name}"))
    _check_enums(given, grok)
    if not given["prompt"] or len(given["prompt"]) > MAX_PROMPT:
        raise Refusal(error(400, "invalid-argument", f"Prompt must have 1 to {MAX_PROMPT} characters."))
    if not 1 <= given.get("n", 1) <= 10:
        raise Refusal(error(400, "invalid-argument", "n must be between 1 and 10."))
    quality = given.get("quality", "auto")
    return XaiPlan(
        model, given["prompt"], given.get("n", 1), given.get("aspect_ratio", "auto"),
        given.get("resolution", "1k"), "low" if quality == "auto" else quality,
        given.get("response_format", "url") == "url",
    )  # fmt: skip


def _check_enums(given: Mapping[str, Any], grok: Grok) -> None:
    allowed: dict[str, Sequence[str]] = {
        "response_format": FORMATS,
        "aspect_ratio": sorted(grok.ratios),
        "resolution": tuple(RESOLUTIONS),
        "quality": QUALITIES,
    }
    for name, values in allowed.items():
        if name in given and given[name] not in values:
            listed = ", ".join(f"`{value}`" for value in values)
            message = f"{name}: unknown variant `{given[name]}`, expected one of {listed}"
            raise Refusal(undeserializable(message))


def success(plan: XaiPlan, items: Sequence[Item], urls: Sequence[str]) -> Answer:
    """Pictures as base64, or as `urls` when asked for; no `created`, and money instead of tokens."""
    key, values = ("url", list(urls)) if plan.as_url else ("b64_json", [item.data for item in items])
    data = [{key: value, "mime_type": "image/jpeg"} for value in values]
    return _body(plan, data, sum(1 for item in items if item.data))


def hollow(plan: XaiPlan, shape: str) -> Answer:
    """A 200 without pictures, in one of three shapes."""
    data: Any = {"null": None, "list": [], "object": [{}]}[shape]
    return _body(plan, data, 0)


def _body(plan: XaiPlan, data: Any, billed: int) -> Answer:
    body: dict[str, Any] = {"data": data, "usage": {"cost_in_usd_ticks": plan.ticks(billed)}}
    if MODELS[plan.model] is _REDIRECTED:
        body["model"] = _REDIRECTED.served_by
    return json_answer(body)
