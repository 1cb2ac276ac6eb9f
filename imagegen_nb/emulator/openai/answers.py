"""OpenAI's `POST /v1/responses`, as far as a question about a picture goes.

Checked and answered as in the types of OpenAI's SDK 3.52 and the guides "Images and vision" and "Structured
outputs", read 2026-11-27.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator import vision
from imagegen_nb.emulator.openai.errors import error, fault_error
from imagegen_nb.emulator.responses import CREATED_AT, EmulatedResponse, RequestRejected, json_response
from imagegen_nb.emulator.token_usage import text_tokens
from imagegen_nb.emulator.vision import Picture, Question, TextJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.responses import EncodedImage

PATH: Final = "/v1/responses"
#: Models served, with the factor by which they count patches of pictures; `gpt-5` counts tiles instead.
MODELS: Final = {
    "gpt-5.4-mini": 1.62,
    "gpt-5.4": 1.0,
    "gpt-5.5": 1.0,
    "gpt-5.6-luna": 1.0,
    "gpt-5.6-terra": 1.0,
    "gpt-5-mini": 1.62,
    "gpt-5": 0.6,
}
_KNOWN: Final = ("model", "input", "text", "max_output_tokens", "store", "reasoning", "temperature",
                 "instructions", "metadata")  # fmt: skip
_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
_DETAILS: Final = ("low", "high", "auto", "original")
_FEWEST_TOKENS: Final = 16
_REASONING: Final = 64


@dataclass(frozen=True, slots=True)
class AnswerJob(TextJob):
    """See `imagegen_nb.emulator.adapter.Job`: it makes no images."""

    question: Question
    fault: Fault

    def response_without_images(self) -> EmulatedResponse | None:
        """The error for a prompt that is moderated; the other faults change the answer."""
        if self.fault.kind == "moderation" and self.fault.variant_or_default() == "prompt":
            return fault_error(self.fault)
        return None

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """The answer. Raises `RequestRejected` for a picture that cannot be decoded."""
        picture = _picture(self.question)
        match self.fault.kind:
            case "moderation":
                refusal = self.fault.message or "I'm sorry, but I can't assist with that."
                return self._body([{"type": "refusal", "refusal": refusal}], picture, refusal)
            case "text_only":
                text = "(EMULATED) This answer is no JSON."
            case "empty":
                output: Any = {"null": None, "list": [], "object": [{}]}[self.fault.variant_or_default()]
                return self._body(output, picture, "", whole=True)
            case _:
                text = self.question.answer(picture)
        return self._body(
            [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}], picture, text
        )

    def _body(self, content: Any, picture: Picture, text: str, *, whole: bool = False) -> EmulatedResponse:
        asked, used = self.question, text_tokens(text) + _REASONING
        is_cut = asked.most_tokens is not None and used > asked.most_tokens
        message = {
            "id": f"msg_{asked.digest}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
        }
        output = content if whole else [{**message, "content": content}]
        if is_cut:
            output, used = [], asked.most_tokens or 0
        return json_response(
            {
                "id": f"resp_{asked.digest}",
                "object": "response",
                "created_at": CREATED_AT,
                "status": "incomplete" if is_cut else "completed",
                "error": None,
                "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
                "max_output_tokens": asked.most_tokens,
                "model": asked.model,
                "output": output,
                "store": False,
                "usage": _usage(asked, picture, used),
            }
        )


def parse_question(body: Any) -> Question:
    """Check `body` as strictly as the provider; raises `RequestRejected` with the provider's error."""
    if not isinstance(body, dict):
        raise RequestRejected(error(400, "We could not parse the JSON body of your request."))
    for name in body:
        if name not in _KNOWN:
            raise _refused(f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    model = body.get("model")
    if not isinstance(model, str):
        raise _refused("Missing required parameter: 'model'.", "missing_required_parameter", "model")
    if model not in MODELS:
        message = f"The model '{model}' does not exist or you do not have access to it."
        raise RequestRejected(error(404, message, "model_not_found", "model"))
    most = body.get("max_output_tokens")
    if most is not None and (type(most) is not int or most < _FEWEST_TOKENS):
        raise _refused(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{_FEWEST_TOKENS}.",
            "integer_below_min_value",
            "max_output_tokens",
        )
    text, image = _input(body.get("input"))
    parts = vision.split_data_url(image.get("image_url"))
    if parts is None:
        raise _refused(
            "Invalid 'input[0].content[1].image_url'. Expected a base64-encoded data URL with an image MIME "
            "type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got unsupported MIME type.",
            "invalid_value",
            "input[0].content[1].image_url",
        )
    if image.get("detail", "auto") not in _DETAILS:
        raise _refused("Invalid value for 'detail'.", "invalid_value", "input[0].content[1].detail")
    return Question(model, text, parts[1], parts[0], _schema(body.get("text")), most)


def _input(items: Any) -> tuple[str, dict[str, Any]]:
    """The text and the picture of the user's message."""
    if not isinstance(items, list) or not items:
        raise _refused("Missing required parameter: 'input'.", "missing_required_parameter", "input")
    texts, images = list[str](), list[dict[str, Any]]()
    for item in items:
        content = item.get("content") if isinstance(item, dict) else None
        for part in content if isinstance(content, list) else []:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "input_text" and isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif kind == "input_image":
                images.append(part)
            else:
                raise _refused(
                    f"Invalid value: '{kind}'. Supported values are: 'input_text' and 'input_image'.",
                    "invalid_value",
                    "input[0].content[0]",
                )
    if len(images) != 1:
        raise _refused("the emulator answers questions about one picture only", "invalid_value", "input")
    return "\n".join(texts), images[0]


def _schema(text: Any) -> dict[str, Any] | None:
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict) or form.get("type") == "text":
        return None
    for name in ("type", "name", "schema"):
        if name not in form:
            raise _refused(
                f"Missing required parameter: 'text.format.{name}'.",
                "missing_required_parameter",
                f"text.format.{name}",
            )
    problem = vision.schema_problem(form["schema"]) if form.get("strict") else ""
    if problem:
        raise _refused(
            f"Invalid schema for response_format '{form['name']}': In context=(), {problem}.",
            "invalid_json_schema",
            "text.format.schema",
        )
    schema: dict[str, Any] = form["schema"]
    return schema


def _picture(question: Question) -> Picture:
    picture = vision.look(question.image)
    if question.image_type not in _TYPES or picture is None:
        message = (
            "The image data you provided does not represent a valid image. Please check your input and try "
            f"again with one of the supported image formats: {list(_TYPES)}."
        )
        raise _refused(message, "invalid_image", "input")
    return picture


def _usage(question: Question, picture: Picture, output: int) -> dict[str, Any]:
    """Tokens of the picture are among the others: OpenAI does not tell them apart."""
    patches = ceil(picture.width / 32) * ceil(picture.height / 32)
    came = text_tokens(question.text) + ceil(patches * MODELS[question.model])
    return {
        "input_tokens": came,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": min(_REASONING, output)},
        "total_tokens": came + output,
    }


def _refused(message: str, code: str, param: str) -> RequestRejected:
    return RequestRejected(error(400, message, code, param))
