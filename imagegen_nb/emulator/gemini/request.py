"""Google's `models/{model}:generateContent`: which requests it takes, and what a taken one means.

Both surfaces: the Gemini Developer API (an API key) and Vertex AI (a bearer token, or a key in express mode).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from imagegen_nb.emulator.gemini.errors import bad_request, error, key_error
from imagegen_nb.emulator.gemini.models import MODELS, GeminiModel
from imagegen_nb.emulator.gemini.schema import normalised
from imagegen_nb.emulator.rendering.drawing import Drawing, PictureFormat
from imagegen_nb.emulator.responses import Answer, Refusal
from imagegen_nb.emulator.tokens import text_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

MODALITIES: Final = ("TEXT", "IMAGE")
#: Output types of Vertex AI; the Developer API always answers PNG.
OUTPUTS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

NO_CREDENTIAL: Final = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential."
)
NO_KEY: Final = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
    "or other form of API consumer identity to call this API."
)
NO_PUBLISHER_MODEL: Final = (
    "Publisher Model `{resource}` was not found or your project does not have access to it. Please ensure "
    "you are using a valid model version."
)
NO_MODEL: Final = (
    "models/{model} is not found for API version {version}, or is not supported for generateContent. Call "
    "ListModels to see the list of available models and their supported methods."
)


@dataclass(frozen=True, slots=True)
class GeminiPlan:
    """A checked request. references: how many pictures came with the prompt. number: the client's own, of
    this call among equal ones."""

    model: str
    prompt: str
    references: int
    ratio: str
    image_size: str
    modalities: frozenset[str]
    format: PictureFormat
    compression: int
    vertex: bool
    number: int | None = None

    @property
    def served(self) -> GeminiModel:
        """The model's data."""
        return MODELS[self.model]

    def drawings(self) -> list[Drawing]:
        """The one picture to make, or none when only text was asked for."""
        if "IMAGE" not in self.modalities:
            return []
        width, height = self.served.size(self.ratio, self.image_size)
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
        raise Refusal(error(401, NO_CREDENTIAL))
    if not vertex and not key:
        raise Refusal(error(403, NO_KEY))
    if "invalid" in key:
        raise Refusal(key_error())
    if vertex and "invalid" in bearer:
        raise Refusal(error(401, "Request had invalid authentication credentials."))
    return key or bearer


def check_model(model: str, path: str, *, vertex: bool, retired: bool) -> None:
    """404 for a model that is not served, or no longer when `retired`."""
    known = MODELS.get(model)
    if known is None or (known.retired and retired):
        raise Refusal(not_found(model, path, vertex=vertex))


def not_found(model: str, path: str, *, vertex: bool) -> Answer:
    """The 404 of a model, which names it."""
    version, _, resource = path.removeprefix("/gemini/").partition("/")
    if vertex:
        text = NO_PUBLISHER_MODEL.format(resource=resource.partition(":")[0])
    else:
        text = NO_MODEL.format(model=model, version=version)
    return error(404, text)


def plan(model: str, body: Any, *, vertex: bool) -> GeminiPlan:
    """Check `body` for a served `model`; raises Refusal with Google's error."""
    request = normalised(body, vertex=vertex)
    prompt, references = _prompt(request)
    served = MODELS[model]
    counted = text_tokens(prompt) + references * served.input_tokens
    if counted > served.limit:
        text = f"The input token count ({counted}) exceeds the maximum number of tokens allowed "
        text += f"({served.limit})."
        raise Refusal(bad_request(text))
    config = request.get("generationConfig", {})
    if config.get("candidateCount", 1) != 1:
        raise Refusal(bad_request("Multiple candidates is not enabled for this model"))
    image = config.get("imageConfig", {})
    ratio, image_size = image.get("aspectRatio", "1:1"), image.get("imageSize", served.default_size)
    if not isinstance(ratio, str) or ratio not in served.pixels:
        raise Refusal(bad_request(f"Invalid aspect ratio: {ratio!r}. Supported: {', '.join(served.pixels)}."))
    if not isinstance(image_size, str) or image_size not in served.tokens:
        listed = ", ".join(name for name in served.tokens if name) or "none"
        raise Refusal(bad_request(f"Invalid image size: {image_size!r}. Supported by this model: {listed}."))
    form, compression = _output(image.get("imageOutputOptions", {}))
    return GeminiPlan(
        model, prompt, references, ratio, image_size, _modalities(config), form, compression, vertex
    )


def _prompt(request: Mapping[str, Any]) -> tuple[str, int]:
    """All text of the request, and the number of pictures in it."""
    contents = request.get("contents")
    turns = contents if isinstance(contents, list) else [contents] if contents else []
    if not turns:
        raise Refusal(bad_request("* GenerateContentRequest.contents: contents is not specified\n"))
    texts: list[str] = []
    references = 0
    for turn in turns:
        if turn.get("role", "user") not in ("user", "model"):
            raise Refusal(bad_request("Please use a valid role: user, model."))
        parts = turn.get("parts")
        for part in parts if isinstance(parts, list) else [parts] if parts else []:
            if not isinstance(part.get("text", ""), str):
                raise Refusal(bad_request("Invalid value at 'contents.parts.text' (TYPE_STRING)."))
            texts.append(part.get("text", ""))
            references += "inlineData" in part or "fileData" in part
    prompt = "\n".join(text for text in texts if text)
    if not prompt:
        raise Refusal(bad_request("Unable to submit request because it must have a text parameter."))
    return prompt, references


def _modalities(config: Mapping[str, Any]) -> frozenset[str]:
    asked = config.get("responseModalities") or list(MODALITIES)
    if not isinstance(asked, list) or any(name not in MODALITIES for name in asked):
        raise Refusal(
            bad_request("The requested combination of response modalities is not supported by the model.")
        )
    return frozenset(asked)


def _output(options: Mapping[str, Any]) -> tuple[PictureFormat, int]:
    mime, compression = options.get("mimeType", "image/png"), options.get("compressionQuality", 90)
    if not isinstance(mime, str) or mime not in OUTPUTS:
        raise Refusal(bad_request(f"Unsupported output MIME type: {mime!r}."))
    if type(compression) is not int or not 0 <= compression <= 100:
        raise Refusal(bad_request("compressionQuality must be between 0 and 100."))
    return cast("PictureFormat", OUTPUTS[mime]), compression
