"""Google's `models/{model}:generateContent`: which requests it accepts, and what they ask for.

Both surfaces: the Gemini Developer API (an API key) and Vertex AI (a bearer token, or a key in express mode).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from imagegen_nb.emulator.gemini.errors import bad_request, error, key_error
from imagegen_nb.emulator.gemini.models import MODELS, GeminiModel
from imagegen_nb.emulator.gemini.schema import normalize
from imagegen_nb.emulator.rendering.drawing import Drawing, ImageFormat
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected
from imagegen_nb.emulator.token_usage import text_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODALITIES: Final = ("TEXT", "IMAGE")
#: Output types of Vertex AI; the Developer API always responds with PNG.
_OUTPUTS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

_NO_CREDENTIAL: Final = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential."
)
_NO_KEY: Final = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
    "or other form of API consumer identity to call this API."
)
_NO_PUBLISHER_MODEL: Final = (
    "Publisher Model `{resource}` was not found or your project does not have access to it. Please ensure "
    "you are using a valid model version."
)
_NO_MODEL: Final = (
    "models/{model} is not found for API version {version}, or is not supported for generateContent. Call "
    "ListModels to see the list of available models and their supported methods."
)


@dataclass(frozen=True, slots=True)
class GeminiRequest:
    """A checked request.

    references: how many images came with the prompt. call_number: the client's own, among equal requests.
    """

    model: str
    prompt: str
    references: int
    ratio: str
    image_size: str
    modalities: frozenset[str]
    format: ImageFormat
    compression: int
    vertex: bool
    call_number: int | None = None

    @property
    def served_model(self) -> GeminiModel:
        """The model's data."""
        return MODELS[self.model]

    def drawings(self) -> list[Drawing]:
        """The one image to render, or none when only text was asked for."""
        if "IMAGE" not in self.modalities:
            return []
        width, height = self.served_model.size(self.ratio, self.image_size)
        detail = f"{self.ratio} {self.image_size}".strip()
        return [
            Drawing(self.model, self.prompt, width, height, self.format, detail, compression=self.compression)
        ]


def authenticate(headers: Mapping[str, str], query_key: str | None, *, vertex: bool) -> str:
    """The API key or bearer token; a bad key is a 400, a bad token a 401."""
    key = headers.get("x-goog-api-key") or query_key or ""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    if vertex and not (key or bearer):
        raise RequestRejected(error(401, _NO_CREDENTIAL))
    if not vertex and not key:
        raise RequestRejected(error(403, _NO_KEY))
    if "invalid" in key:
        raise RequestRejected(key_error())
    if vertex and "invalid" in bearer:
        raise RequestRejected(error(401, "Request had invalid authentication credentials."))
    return key or bearer


def check_model(model: str, path: str, *, vertex: bool, retired: bool) -> None:
    """404 for a model that is not served, or no longer when `retired`."""
    known = MODELS.get(model)
    if known is None or (known.retired and retired):
        raise RequestRejected(model_not_found(model, path, vertex=vertex))


def model_not_found(model: str, path: str, *, vertex: bool) -> EmulatedResponse:
    """The 404 of a model, which names it."""
    version, _, resource = path.removeprefix("/gemini/").partition("/")
    if vertex:
        text = _NO_PUBLISHER_MODEL.format(resource=resource.partition(":")[0])
    else:
        text = _NO_MODEL.format(model=model, version=version)
    return error(404, text)


def parse_request(model: str, body: Any, *, vertex: bool) -> GeminiRequest:
    """Check `body` for a served `model`; raises `RequestRejected` with Google's error."""
    message = normalize(body, vertex=vertex)
    prompt, references = _prompt(message)
    served = MODELS[model]
    input_tokens = text_tokens(prompt) + references * served.input_tokens
    if input_tokens > served.limit:
        text = f"The input token count ({input_tokens}) exceeds the maximum number of tokens allowed "
        text += f"({served.limit})."
        raise RequestRejected(bad_request(text))
    config = message.get("generationConfig", {})
    if config.get("candidateCount", 1) != 1:
        raise RequestRejected(bad_request("Multiple candidates is not enabled for this model"))
    image = config.get("imageConfig", {})
    ratio, image_size = image.get("aspectRatio", "1:1"), image.get("imageSize", served.default_size)
    if not isinstance(ratio, str) or ratio not in served.pixels:
        raise RequestRejected(
            bad_request(f"Invalid aspect ratio: {ratio!r}. Supported: {', '.join(served.pixels)}.")
        )
    if not isinstance(image_size, str) or image_size not in served.tokens:
        listed = ", ".join(name for name in served.tokens if name) or "none"
        raise RequestRejected(
            bad_request(f"Invalid image size: {image_size!r}. Supported by this model: {listed}.")
        )
    output_format, compression = _output(image.get("imageOutputOptions", {}))
    return GeminiRequest(
        model, prompt, references, ratio, image_size, _modalities(config), output_format, compression, vertex
    )


def _prompt(message: Mapping[str, Any]) -> tuple[str, int]:
    """All text of the request, and the number of images in it."""
    contents = message.get("contents")
    turns = contents if isinstance(contents, list) else [contents] if contents else []
    if not turns:
        raise RequestRejected(bad_request("* GenerateContentRequest.contents: contents is not specified\n"))
    texts: list[str] = []
    references = 0
    for turn in turns:
        if turn.get("role", "user") not in ("user", "model"):
            raise RequestRejected(bad_request("Please use a valid role: user, model."))
        parts = turn.get("parts")
        for part in parts if isinstance(parts, list) else [parts] if parts else []:
            if not isinstance(part.get("text", ""), str):
                raise RequestRejected(bad_request("Invalid value at 'contents.parts.text' (TYPE_STRING)."))
            texts.append(part.get("text", ""))
            references += "inlineData" in part or "fileData" in part
    prompt = "\n".join(text for text in texts if text)
    if not prompt:
        raise RequestRejected(bad_request("Unable to submit request because it must have a text parameter."))
    return prompt, references


def _modalities(config: Mapping[str, Any]) -> frozenset[str]:
    modalities = config.get("responseModalities") or list(_MODALITIES)
    if not isinstance(modalities, list) or any(name not in _MODALITIES for name in modalities):
        raise RequestRejected(
            bad_request("The requested combination of response modalities is not supported by the model.")
        )
    return frozenset(modalities)


def _output(options: Mapping[str, Any]) -> tuple[ImageFormat, int]:
    mime, compression = options.get("mimeType", "image/png"), options.get("compressionQuality", 90)
    if not isinstance(mime, str) or mime not in _OUTPUTS:
        raise RequestRejected(bad_request(f"Unsupported output MIME type: {mime!r}."))
    if type(compression) is not int or not 0 <= compression <= 100:
        raise RequestRejected(bad_request("compressionQuality must be between 0 and 100."))
    return cast("ImageFormat", _OUTPUTS[mime]), compression
