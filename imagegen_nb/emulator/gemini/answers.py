"""Google's `generateContent` of models that answer with text, for questions about pictures.

Checked and answered as on ai.google.dev: pages "Image understanding", "Structured outputs" (`responseSchema`
wants `responseMimeType: application/json`) and "Media resolution" (1,120 tokens for a picture, 258 before
Gemini 3), read 2026-11-27.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator import vision
from imagegen_nb.emulator.gemini.errors import MEDIA_TYPE, bad_request
from imagegen_nb.emulator.gemini.schema import normalize
from imagegen_nb.emulator.responses import EmulatedResponse, RequestRejected, json_response
from imagegen_nb.emulator.token_usage import text_tokens
from imagegen_nb.emulator.vision import Picture, TextJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.responses import EncodedImage

#: Models served, with the tokens of a picture.
MODELS: Final = {"gemini-3-flash-preview": 1120, "gemini-3.5-flash-lite": 1120, "gemini-2.5-flash": 258}
_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
_JSON: Final = "application/json"
_THOUGHTS: Final = 64
_STANDARD: Final = str.maketrans("-_", "+/")
_SCHEMA_FIELDS: Final = frozenset(
    {"type", "properties", "required", "propertyOrdering", "property_ordering", "minimum", "maximum", "items",
     "description", "enum", "nullable", "format", "title", "anyOf"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question(vision.Question):
    """A checked question; Vertex AI answers a little differently."""

    vertex: bool


@dataclass(frozen=True, slots=True)
class AnswerJob(TextJob):
    """See `imagegen_nb.emulator.adapter.Job`: it makes no images."""

    question: Question
    fault: Fault

    def response_without_images(self) -> EmulatedResponse | None:
        """None: the faults change the answer, and blocks come with HTTP 200."""
        return None

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """The answer. Raises `RequestRejected` for a picture that cannot be decoded."""
        picture, fault = _picture(self.question), self.fault
        match fault.kind:
            case "moderation" if fault.variant_or_default() == "prompt":
                feedback = {"blockReason": fault.code or "PROHIBITED_CONTENT"}
                return self._body(None, "", 0, {"promptFeedback": feedback})
            case "moderation":
                return self._body([{"finishReason": fault.code or "SAFETY"}], "", 0)
            case "empty":
                nothing: dict[str, Any] = {"null": None, "list": [], "object": [{}]}
                return self._body(nothing[fault.variant_or_default()], "", _THOUGHTS)
            case "text_only":
                text = "(EMULATED) This answer is no JSON."
            case _:
                text = self.question.answer(picture)
        most = self.question.most_tokens
        if most is not None and most < text_tokens(text) + _THOUGHTS:
            return self._body([{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}], "", most)
        content = {"parts": [{"text": text}], "role": "model"}
        return self._body([{"content": content, "finishReason": "STOP"}], text, _THOUGHTS)

    def _body(
        self,
        candidates: list[dict[str, Any]] | None,
        text: str,
        thoughts: int,
        extra: dict[str, Any] | None = None,
    ) -> EmulatedResponse:
        body: dict[str, Any] = {} if candidates is None else {"candidates": candidates}
        if not self.question.vertex:
            for index, candidate in enumerate(candidates or []):
                if candidate:  # Vertex AI leaves the first index out
                    candidate["index"] = index
        body |= extra or {}
        body["usageMetadata"] = _usage(self.question, text, thoughts)
        body["modelVersion"] = self.question.model
        body["responseId"] = f"emulated-{self.question.digest[:16]}"
        return json_response(body, media_type=MEDIA_TYPE)


def parse_question(model: str, body: Any, *, vertex: bool) -> Question:
    """Check `body` as strictly as the provider; raises `RequestRejected` with the provider's error."""
    message = normalize(body, vertex=vertex)
    config = message.get("generationConfig", {})
    most = config.get("maxOutputTokens")
    if most is not None and (type(most) is not int or most < 1):
        raise RequestRejected(bad_request("max_output_tokens must be positive."))
    text, blob = _parts(message)
    return Question(
        model, text, str(blob.get("data", "")), str(blob.get("mimeType", "")), _schema(config), most, vertex
    )


def _parts(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text and the one picture of the request."""
    contents = message.get("contents")
    turns = contents if isinstance(contents, list) else [contents] if contents else []
    if not turns:
        raise RequestRejected(bad_request("* GenerateContentRequest.contents: contents is not specified\n"))
    texts, blobs = list[str](), list[dict[str, Any]]()
    for turn in turns:
        parts = turn.get("parts")
        for part in parts if isinstance(parts, list) else [parts] if parts else []:
            if "inlineData" in part:
                blobs.append(part["inlineData"])
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
    if len(blobs) != 1:
        raise RequestRejected(bad_request("the emulator answers questions about one picture only"))
    return "\n".join(texts), blobs[0]


def _schema(config: dict[str, Any]) -> dict[str, Any] | None:
    schema, media_type = config.get("responseSchema"), config.get("responseMimeType")
    if schema is None:
        return None
    if media_type != _JSON:
        raise RequestRejected(
            bad_request(f"controlled generation of {media_type} type is not supported with a response schema")
        )
    if not isinstance(schema, dict) or str(schema.get("type", "")).upper() != "OBJECT":
        raise RequestRejected(bad_request("Invalid value at 'generation_config.response_schema'."))
    _check_fields(schema, "generation_config.response_schema")
    return schema


def _check_fields(schema: dict[str, Any], path: str) -> None:
    for name, value in schema.items():
        if name not in _SCHEMA_FIELDS:
            raise RequestRejected(
                bad_request(
                    f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
                )
            )
        for inner in value.values() if name == "properties" and isinstance(value, dict) else ():
            _check_fields(inner if isinstance(inner, dict) else {}, f"{path}.properties")
    missing = [name for name in schema.get("required", ()) if name not in schema.get("properties", {})]
    if missing:
        raise RequestRejected(bad_request(f"{path}.required[0]: property is not defined"))


def _picture(question: Question) -> Picture:
    # JSON of protocol buffers has bytes in either alphabet of base64; Google's SDK writes the URL-safe one.
    picture = vision.look(question.image.translate(_STANDARD))
    if picture is None or question.image_type not in _TYPES:
        raise RequestRejected(bad_request("Unable to process input image. Please retry or report."))
    return picture


def _usage(question: Question, text: str, thoughts: int) -> dict[str, Any]:
    asked, image = text_tokens(question.text), MODELS[question.model]
    output = text_tokens(text) if text else 0
    usage: dict[str, Any] = {
        "promptTokenCount": asked + image,
        "totalTokenCount": asked + image + output + thoughts,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": asked},
            {"modality": "IMAGE", "tokenCount": image},
        ],
    }
    if output:
        usage["candidatesTokenCount"] = output
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    return usage
