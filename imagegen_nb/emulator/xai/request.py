"""xAI's `POST /v1/images/generations`: which requests it accepts, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.responses import RequestRejected
from imagegen_nb.emulator.xai.errors import error, undeserializable
from imagegen_nb.emulator.xai.models import MODELS, RESOLUTIONS, XaiModel, pixel_size, usd_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_STRINGS: Final = ("model", "prompt", "response_format", "aspect_ratio", "resolution", "quality", "user")
_QUALITIES: Final = ("low", "medium", "auto")
_FORMATS: Final = ("b64_json", "url")
_MAX_PROMPT: Final = 32_000


@dataclass(frozen=True, slots=True)
class XaiRequest:
    """A checked request."""

    model: str
    prompt: str
    n: int
    ratio: str
    resolution: str
    quality: str
    as_url: bool

    def drawings(self) -> list[Drawing]:
        """The images to render: always JPEG."""
        width, height = pixel_size(self.ratio, self.resolution)
        served = MODELS[self.model].served_by
        return [
            Drawing(served, self.prompt, width, height, "jpeg", self.resolution, index, self.n, 90)
            for index in range(self.n)
        ]

    def ticks(self, images: int) -> int:
        """Price of `images` images, in ticks."""
        return usd_ticks(MODELS[self.model].prices[self.quality][self.resolution], images)


def authenticate(headers: Mapping[str, str]) -> str:
    """The bearer key; a wrong one is a 400 here, not a 401."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RequestRejected(error(401, "unauthenticated:no-credentials", "No credentials presented."))
    if "invalid" in key:
        message = (
            f"Incorrect API key provided: {key[:2]}***{key[-2:]}. "
            "You can obtain an API key from https://console.x.ai."
        )
        raise RequestRejected(error(400, "invalid-argument", message))
    return key.strip()


def parse_request(body: Any) -> XaiRequest:
    """Check `body`; types, missing fields and unknown enum values are 422, the rest 400."""
    if not isinstance(body, dict):
        raise RequestRejected(undeserializable("expected a JSON object"))
    parameters = {name: value for name, value in body.items() if value is not None}
    for name in ("model", "prompt"):
        if name not in parameters:
            raise RequestRejected(undeserializable(f"missing field `{name}`"))
    for name in _STRINGS:
        if name in parameters and not isinstance(parameters[name], str):
            raise RequestRejected(undeserializable(f"{name}: invalid type, expected a string"))
    if type(parameters.get("n", 1)) is not int:
        raise RequestRejected(undeserializable("n: invalid type, expected an integer"))
    model: str = parameters["model"]
    if model not in MODELS:
        raise RequestRejected(
            error(404, "not-found", f"The model {model} does not exist or your team has no access to it.")
        )
    served = MODELS[model]
    for name in parameters:
        if name not in (*_STRINGS, "n") or (name == "quality" and not served.takes_quality):
            raise RequestRejected(error(400, "invalid-argument", f"Argument not supported: {name}"))
    _check_enums(parameters, served)
    if not parameters["prompt"] or len(parameters["prompt"]) > _MAX_PROMPT:
        raise RequestRejected(
            error(400, "invalid-argument", f"Prompt must have 1 to {_MAX_PROMPT} characters.")
        )
    if not 1 <= parameters.get("n", 1) <= 10:
        raise RequestRejected(error(400, "invalid-argument", "n must be between 1 and 10."))
    quality = parameters.get("quality", "auto")
    return XaiRequest(
        model, parameters["prompt"], parameters.get("n", 1), parameters.get("aspect_ratio", "auto"),
        parameters.get("resolution", "1k"), "low" if quality == "auto" else quality,
        parameters.get("response_format", "url") == "url",
    )  # fmt: skip


def _check_enums(parameters: Mapping[str, Any], model: XaiModel) -> None:
    allowed: dict[str, Sequence[str]] = {
        "response_format": _FORMATS,
        "aspect_ratio": sorted(model.ratios),
        "resolution": tuple(RESOLUTIONS),
        "quality": _QUALITIES,
    }
    for name, values in allowed.items():
        if name in parameters and parameters[name] not in values:
            listed = ", ".join(f"`{value}`" for value in values)
            message = f"{name}: unknown variant `{parameters[name]}`, expected one of {listed}"
            raise RequestRejected(undeserializable(message))
