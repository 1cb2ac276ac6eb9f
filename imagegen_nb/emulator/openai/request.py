"""OpenAI's `POST /v1/images/generations`: which requests it takes, and what a taken one means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from imagegen_nb.emulator.openai.errors import error
from imagegen_nb.emulator.rendering.drawing import Drawing, PictureFormat
from imagegen_nb.emulator.responses import Refusal
from imagegen_nb.emulator.tokens import GPT_IMAGE_2, GPT_IMAGE_2_5

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Models served, with their token grid; its keys are the qualities the model knows.
MODELS: Final = {
    "gpt-image-2": GPT_IMAGE_2,
    "gpt-image-2-2026-04-21": GPT_IMAGE_2,
    "gpt-image-2.5-flare": GPT_IMAGE_2_5,
    "gpt-image-2.5-flare-2026-09-08": GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst": GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst-2026-09-08": GPT_IMAGE_2_5,
}

#: What `auto` becomes. The provider chooses; here it is fixed, and dear rather than cheap.
AUTO: Final = {"size": "1024x1024", "quality": "high", "background": "opaque"}

MAX_PROMPT: Final = 32_000
EDGE_STEP, MAX_EDGE, MAX_RATIO = 16, 3840, 3
MIN_PIXELS, MAX_PIXELS = 655_360, 8_294_400

ENUMS: Final[dict[str, tuple[str, ...]]] = {
    "background": ("transparent", "opaque", "auto"),
    "moderation": ("low", "auto"),
    "output_format": ("png", "jpeg", "webp"),
}
#: Inclusive ranges of the whole-number parameters.
RANGES: Final = {"n": (1, 10), "output_compression": (0, 100), "partial_images": (0, 3)}
TYPES: Final[dict[str, tuple[type, str]]] = {
    **dict.fromkeys(RANGES, (int, "an integer")),
    "stream": (bool, "a boolean"),
}
STRINGS: Final = ("prompt", "model", "size", "quality", "user", "safety_identifier")
KNOWN: Final = frozenset({*ENUMS, *TYPES, *STRINGS})


@dataclass(frozen=True, slots=True)
class OpenAIPlan:
    """A checked request with every `auto` resolved."""

    model: str
    prompt: str
    n: int
    width: int
    height: int
    quality: str
    background: Literal["opaque", "transparent"]
    output_format: PictureFormat
    compression: int
    stream: bool
    partial_images: int

    @property
    def size(self) -> str:
        """``WxH``, as the answer echoes it."""
        return f"{self.width}x{self.height}"

    def drawings(self) -> list[Drawing]:
        """The pictures to make, in order."""
        return [
            Drawing(self.model, self.prompt, self.width, self.height, self.output_format, self.quality, index,
                    self.n, self.compression, self.background == "transparent")
            for index in range(self.n)
        ]  # fmt: skip


def authenticate(headers: Mapping[str, str]) -> str:
    """The bearer key; refused when absent or when its text contains ``invalid``."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        text = "You didn't provide an API key. Send it as a bearer token: Authorization: Bearer YOUR_KEY."
        raise Refusal(error(401, text))
    if "invalid" in key:
        shown = f"{key[:4]}{'*' * 8}{key[-4:]}"
        where = "You can find your API key at https://platform.openai.com/account/api-keys."
        raise Refusal(error(401, f"Incorrect API key provided: {shown}. {where}", "invalid_api_key"))
    return key.strip()


def plan(body: Any) -> OpenAIPlan:
    """Check `body` as strictly as the provider; raises Refusal with the provider's error."""
    if not isinstance(body, dict):
        raise Refusal(error(400, "We could not parse the JSON body of your request."))
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in KNOWN:
            raise Refusal(error(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name))
    _check_types(given)
    model = _model(given)
    prompt = _prompt(given)
    for name, allowed in {**ENUMS, "quality": (*MODELS[model], "auto")}.items():
        if name in given and given[name] not in allowed:
            listed = ", ".join(f"'{value}'" for value in allowed)
            raise _bad(name, f"Invalid value: '{given[name]}'. Supported values are: {listed}.")
    _check_together(given)
    width, height = _size(given.get("size", "auto"))
    background = given.get("background", "auto")
    return OpenAIPlan(
        model, prompt, given.get("n", 1), width, height,
        _resolved("quality", given.get("quality", "auto")),
        cast('Literal["opaque", "transparent"]', _resolved("background", background)),
        given.get("output_format", "png"), given.get("output_compression", 100),
        given.get("stream", False), given.get("partial_images", 0),
    )  # fmt: skip


def _resolved(name: str, value: str) -> str:
    return AUTO[name] if value == "auto" else value


def _bad(param: str, message: str, code: str = "invalid_value") -> Refusal:
    return Refusal(error(400, message, code, param, "image_generation_user_error"))


def _check_types(given: dict[str, Any]) -> None:
    """JSON types first, then the ranges of whole numbers; `true` is not a number."""
    for name, value in given.items():
        wanted, word = TYPES.get(name, (str, "a string"))
        if type(value) is not wanted:
            message = f"Invalid type for '{name}': expected {word}, but got {type(value).__name__} instead."
            raise Refusal(error(400, message, "invalid_type", name))
    for name, (low, high) in RANGES.items():
        value = given.get(name, low)
        if not low <= value <= high:
            side, sign, bound = ("below_min", ">=", low) if value < low else ("above_max", "<=", high)
            message = (
                f"Invalid '{name}': integer out of range. Expected a value {sign} {bound}, but got {value}."
            )
            raise Refusal(error(400, message, f"integer_{side}_value", name))


def _model(given: dict[str, Any]) -> str:
    if "model" not in given:
        raise Refusal(
            error(400, "You must provide a model parameter.", "missing_required_parameter", "model")
        )
    model: str = given["model"]
    if model not in MODELS:
        message = f"The model '{model}' does not exist or you do not have access to it."
        raise Refusal(error(404, message, "model_not_found", "model"))
    return model


def _prompt(given: dict[str, Any]) -> str:
    if "prompt" not in given:
        raise Refusal(
            error(400, "Missing required parameter: 'prompt'.", "missing_required_parameter", "prompt")
        )
    prompt: str = given["prompt"]
    if not prompt:
        raise Refusal(error(400, "Invalid 'prompt': empty string.", "empty_string", "prompt"))
    if len(prompt) > MAX_PROMPT:
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT}, "
            f"but got a string with length {len(prompt)} instead."
        )
        raise Refusal(error(400, message, "string_above_max_length", "prompt"))
    return prompt


def _check_together(given: dict[str, Any]) -> None:
    """Rules between parameters."""
    form = given.get("output_format", "png")
    if given.get("background") == "transparent" and form == "jpeg":
        raise _bad("background", "Transparent background is not supported for output format 'jpeg'.")
    if "output_compression" in given and form == "png":
        raise _bad(
            "output_compression", "Compression is only supported for output formats 'jpeg' and 'webp'."
        )
    if "partial_images" in given and not given.get("stream", False):
        raise _bad(
            "partial_images", "The 'partial_images' parameter is only supported when 'stream' is true."
        )


def _size(text: str) -> tuple[int, int]:
    """``WxH`` or ``auto`` in pixels, by the rules of gpt-image-2 and 2.5."""
    if text == "auto":
        text = AUTO["size"]
    parts = text.split("x")
    # isdecimal alone would let in digits of other scripts and leading zeros, which the echo would not show.
    plain = len(parts) == 2 and all(
        p.isascii() and p.isdecimal() and p[0] != "0" and len(p) < 6 for p in parts
    )
    if not plain:
        raise _bad(
            "size", f"Invalid size '{text[:40]}'. Expected 'auto' or WIDTHxHEIGHT, such as '1024x1024'."
        )
    width, height = int(parts[0]), int(parts[1])
    pixels, ratio = width * height, max(width, height) / min(width, height)
    reasons = {
        "Width and height must both be divisible by 16.": width % EDGE_STEP or height % EDGE_STEP,
        f"Neither edge may exceed {MAX_EDGE} pixels.": max(width, height) > MAX_EDGE,
        f"The long edge may be at most {MAX_RATIO} times the short edge.": ratio > MAX_RATIO,
        f"The total must lie between {MIN_PIXELS} and {MAX_PIXELS} pixels.":
            not MIN_PIXELS <= pixels <= MAX_PIXELS,
    }  # fmt: skip
    if broken := next((reason for reason, holds in reasons.items() if holds), None):
        raise _bad("size", f"Invalid size '{text}'. {broken}")
    return width, height
