"""OpenAI's `POST /v1/images/generations`: which requests it accepts, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from imagegen_nb.emulator.openai.errors import error
from imagegen_nb.emulator.openai.models import MODELS
from imagegen_nb.emulator.rendering.drawing import Drawing, ImageFormat
from imagegen_nb.emulator.responses import RequestRejected, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What `auto` becomes. The provider chooses; here it is fixed, and expensive rather than cheap.
_AUTO: Final = {"size": "1024x1024", "quality": "high", "background": "opaque"}

_MAX_PROMPT: Final = 32_000
_EDGE_STEP, _MAX_EDGE, _MAX_RATIO = 16, 3840, 3
_MIN_PIXELS, _MAX_PIXELS = 655_360, 8_294_400

_ENUMS: Final[dict[str, tuple[str, ...]]] = {
    "background": ("transparent", "opaque", "auto"),
    "moderation": ("low", "auto"),
    "output_format": ("png", "jpeg", "webp"),
}
#: Inclusive ranges of the whole-number parameters.
_RANGES: Final = {"n": (1, 10), "output_compression": (0, 100), "partial_images": (0, 3)}
_TYPES: Final[dict[str, tuple[type, str]]] = {
    **dict.fromkeys(_RANGES, (int, "an integer")),
    "stream": (bool, "a boolean"),
}
_STRINGS: Final = ("prompt", "model", "size", "quality", "user", "safety_identifier")
_KNOWN: Final = frozenset({*_ENUMS, *_TYPES, *_STRINGS})


@dataclass(frozen=True, slots=True)
class OpenAIRequest:
    """A checked request with every `auto` resolved."""

    model: str
    prompt: str
    n: int
    width: int
    height: int
    quality: str
    background: Literal["opaque", "transparent"]
    output_format: ImageFormat
    compression: int
    stream: bool
    partial_images: int

    @property
    def size(self) -> str:
        """``WxH``, as the response echoes it."""
        return f"{self.width}x{self.height}"

    def drawings(self) -> list[Drawing]:
        """The images to render, in order."""
        return [
            Drawing(self.model, self.prompt, self.width, self.height, self.output_format, self.quality, index,
                    self.n, self.compression, self.background == "transparent")
            for index in range(self.n)
        ]  # fmt: skip


def authenticate(headers: Mapping[str, str]) -> str:
    """The bearer key; refused when absent or when its text contains ``invalid``."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        message = "You didn't provide an API key. Send it as a bearer token: Authorization: Bearer YOUR_KEY."
        raise RequestRejected(error(401, message))
    if "invalid" in key:
        masked = f"{key[:4]}{'*' * 8}{key[-4:]}"
        where = "You can find your API key at https://platform.openai.com/account/api-keys."
        raise RequestRejected(error(401, f"Incorrect API key provided: {masked}. {where}", "invalid_api_key"))
    return key.strip()


def authenticate_at_azure(headers: Mapping[str, str]) -> None:
    """Azure's own header; refused when absent, when its text contains ``invalid`` and beside another key."""
    key = headers.get("api-key", "").strip()
    if not key or "invalid" in key or "authorization" in headers:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        raise RequestRejected(json_response({"error": {"code": "401", "message": message}}, 401))


def parse_request(body: Any) -> OpenAIRequest:
    """Check `body` as strictly as the provider; raises `RequestRejected` with the provider's error."""
    if not isinstance(body, dict):
        raise RequestRejected(error(400, "We could not parse the JSON body of your request."))
    parameters = {name: value for name, value in body.items() if value is not None}
    for name in parameters:
        if name not in _KNOWN:
            raise RequestRejected(error(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name))
    _check_types(parameters)
    model = _model(parameters)
    prompt = _prompt(parameters)
    for name, allowed in {**_ENUMS, "quality": (*MODELS[model], "auto")}.items():
        if name in parameters and parameters[name] not in allowed:
            listed = ", ".join(f"'{value}'" for value in allowed)
            raise _invalid(name, f"Invalid value: '{parameters[name]}'. Supported values are: {listed}.")
    _check_together(parameters)
    width, height = _size(parameters.get("size", "auto"))
    background = parameters.get("background", "auto")
    return OpenAIRequest(
        model, prompt, parameters.get("n", 1), width, height,
        _resolved("quality", parameters.get("quality", "auto")),
        cast('Literal["opaque", "transparent"]', _resolved("background", background)),
        parameters.get("output_format", "png"), parameters.get("output_compression", 100),
        parameters.get("stream", False), parameters.get("partial_images", 0),
    )  # fmt: skip


def _resolved(name: str, value: str) -> str:
    return _AUTO[name] if value == "auto" else value


def _invalid(param: str, message: str, code: str = "invalid_value") -> RequestRejected:
    return RequestRejected(error(400, message, code, param, "image_generation_user_error"))


def _check_types(parameters: dict[str, Any]) -> None:
    """JSON types first, then the ranges of whole numbers; `true` is not a number."""
    for name, value in parameters.items():
        expected, type_name = _TYPES.get(name, (str, "a string"))
        if type(value) is not expected:
            message = (
                f"Invalid type for '{name}': expected {type_name}, but got {type(value).__name__} instead."
            )
            raise RequestRejected(error(400, message, "invalid_type", name))
    for name, (low, high) in _RANGES.items():
        value = parameters.get(name, low)
        if not low <= value <= high:
            side, sign, bound = ("below_min", ">=", low) if value < low else ("above_max", "<=", high)
            message = (
                f"Invalid '{name}': integer out of range. Expected a value {sign} {bound}, but got {value}."
            )
            raise RequestRejected(error(400, message, f"integer_{side}_value", name))


def _model(parameters: dict[str, Any]) -> str:
    if "model" not in parameters:
        raise RequestRejected(
            error(400, "You must provide a model parameter.", "missing_required_parameter", "model")
        )
    model: str = parameters["model"]
    if model not in MODELS:
        message = f"The model '{model}' does not exist or you do not have access to it."
        raise RequestRejected(error(404, message, "model_not_found", "model"))
    return model


def _prompt(parameters: dict[str, Any]) -> str:
    if "prompt" not in parameters:
        raise RequestRejected(
            error(400, "Missing required parameter: 'prompt'.", "missing_required_parameter", "prompt")
        )
    prompt: str = parameters["prompt"]
    if not prompt:
        raise RequestRejected(error(400, "Invalid 'prompt': empty string.", "empty_string", "prompt"))
    if len(prompt) > _MAX_PROMPT:
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {_MAX_PROMPT}, "
            f"but got a string with length {len(prompt)} instead."
        )
        raise RequestRejected(error(400, message, "string_above_max_length", "prompt"))
    return prompt


def _check_together(parameters: dict[str, Any]) -> None:
    """Rules between parameters."""
    output_format = parameters.get("output_format", "png")
    if parameters.get("background") == "transparent" and output_format == "jpeg":
        raise _invalid("background", "Transparent background is not supported for output format 'jpeg'.")
    if "output_compression" in parameters and output_format == "png":
        raise _invalid(
            "output_compression", "Compression is only supported for output formats 'jpeg' and 'webp'."
        )
    if "partial_images" in parameters and not parameters.get("stream", False):
        raise _invalid(
            "partial_images", "The 'partial_images' parameter is only supported when 'stream' is true."
        )


def _size(text: str) -> tuple[int, int]:
    """``WxH`` or ``auto`` in pixels, by the rules of gpt-image-2 and 2.5."""
    if text == "auto":
        text = _AUTO["size"]
    parts = text.split("x")
    # isdecimal alone would accept other scripts' digits and leading zeros, which the echoed size would lose.
    well_formed = len(parts) == 2 and all(
        part.isascii() and part.isdecimal() and part[0] != "0" and len(part) < 6 for part in parts
    )
    if not well_formed:
        raise _invalid(
            "size", f"Invalid size '{text[:40]}'. Expected 'auto' or WIDTHxHEIGHT, such as '1024x1024'."
        )
    width, height = int(parts[0]), int(parts[1])
    pixels, ratio = width * height, max(width, height) / min(width, height)
    reasons = {
        "Width and height must both be divisible by 16.": width % _EDGE_STEP or height % _EDGE_STEP,
        f"The longest edge must be less than or equal to {_MAX_EDGE}.": max(width, height) > _MAX_EDGE,
        f"The long edge may be at most {_MAX_RATIO} times the short edge.": ratio > _MAX_RATIO,
        "Requested resolution is below the current minimum pixel budget.": pixels < _MIN_PIXELS,
        "Requested resolution exceeds the current pixel budget.": pixels > _MAX_PIXELS,
    }  # fmt: skip
    if broken := next((reason for reason, holds in reasons.items() if holds), None):
        raise _invalid("size", f"Invalid size '{text}'. {broken}")
    return width, height
