"""xAI's `POST /v1/chat/completions`, as far as a question about a picture goes.

Checked and answered as in `ChatRequest`, `ChatResponse` and `Usage` of xAI's OpenAPI (xai-org/xai-sdk-ts) and
in the guide "Image understanding": tiles of 448 pixels, 6 at most, and one more, 256 tokens each. Read
2026-11-27.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator import vision
from imagegen_nb.emulator.responses import CREATED_AT, EmulatedResponse, RequestRejected, json_response
from imagegen_nb.emulator.token_usage import text_tokens
from imagegen_nb.emulator.vision import Picture, Question, TextJob
from imagegen_nb.emulator.xai.errors import error, fault_error, undeserializable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.responses import EncodedImage

PATH: Final = "/v1/chat/completions"
#: Models served, with their price of a million tokens in US dollars, in and out.
MODELS: Final = {"grok-4.6": ("2", "6"), "grok-4.5": ("2", "6"), "grok-4.3": ("1.25", "2.5")}
_TYPES: Final = ("image/png", "image/jpeg")
_TICKS_PER_TOKEN: Final = 10_000
"""Of a price of one dollar for a million tokens: a dollar has 10,000,000,000 ticks."""
_TILE, _MOST_TILES, _TILE_TOKENS = 448, 6, 256
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
        message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        match self.fault.kind:
            case "moderation":
                refusal = self.fault.message or "I can't help with this image."
                return self._body([_choice({**message, "refusal": refusal})], picture, refusal)
            case "text_only":
                text = "(EMULATED) This answer is no JSON."
            case "empty":
                choices: Any = {"null": None, "list": [], "object": [{}]}[self.fault.variant_or_default()]
                return self._body(choices, picture, "")
            case _:
                text = self.question.answer(picture)
        most = self.question.most_tokens
        if most is not None and most < text_tokens(text) + _REASONING:
            return self._body([_choice(message, "length")], picture, "", thoughts=most)
        return self._body([_choice({**message, "content": text})], picture, text)

    def _body(
        self, choices: Any, picture: Picture, text: str, *, thoughts: int = _REASONING
    ) -> EmulatedResponse:
        asked = self.question
        body = {
            "id": asked.digest,
            "object": "chat.completion",
            "created": CREATED_AT,
            "model": asked.model,
            "choices": choices,
            "usage": _usage(asked, picture, text_tokens(text) if text else 0, thoughts),
            "service_tier": "default",
            "system_fingerprint": "fp_emulated",
        }
        return json_response(body)


def _choice(message: dict[str, Any], finish_reason: str = "stop") -> dict[str, Any]:
    return {"index": 0, "message": message, "finish_reason": finish_reason}


def parse_question(body: Any) -> Question:
    """Check `body`; types and missing fields are 422, the rest 400."""
    if not isinstance(body, dict):
        raise RequestRejected(undeserializable("expected a JSON object"))
    for name, kind in (("model", str), ("messages", list)):
        if name not in body:
            raise RequestRejected(undeserializable(f"missing field `{name}`"))
        if not isinstance(body[name], kind):
            raise RequestRejected(undeserializable(f"{name}: invalid type"))
    model = body["model"]
    if model not in MODELS:
        message = f"The model {model} does not exist or your team has no access to it."
        raise RequestRejected(error(404, "not-found", message))
    most = body.get("max_completion_tokens")
    if most is not None and (type(most) is not int or most < 1):
        raise RequestRejected(undeserializable("max_completion_tokens: expected a positive integer"))
    text, url = _content(body["messages"])
    parts = vision.split_data_url(url)
    if parts is None:
        raise _refused("the emulator fetches no images: send it as a data URL")
    return Question(model, text, parts[1], parts[0], _schema(body.get("response_format")), most)


def _content(messages: list[Any]) -> tuple[str, Any]:
    """The text and the address of the picture in the user's message."""
    texts, urls = list[str](), list[Any]()
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            match part:
                case {"type": "text", "text": str(text)}:
                    texts.append(text)
                case {"type": "image_url", "image_url": {"url": url}}:
                    urls.append(url)
                case _:
                    raise RequestRejected(undeserializable("messages[0].content: unknown content part"))
    if len(urls) != 1:
        raise _refused("the emulator answers questions about one picture only")
    return "\n".join(texts), urls[0]


def _schema(form: Any) -> dict[str, Any] | None:
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    inner = form.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if not isinstance(schema, dict):
        raise RequestRejected(undeserializable("response_format: missing field `json_schema`"))
    return schema


def _picture(question: Question) -> Picture:
    picture = vision.look(question.image)
    # Fitting the guide, which names two types; what the bytes are counts.
    if picture is None or picture.media_type not in _TYPES:
        raise _refused(
            "Unsupported or invalid image. Supported image file types are jpg/jpeg and png, at most 20MiB."
        )
    return picture


def _usage(question: Question, picture: Picture, output: int, thoughts: int) -> dict[str, Any]:
    tiles = min(_MOST_TILES, ceil(picture.width / _TILE) * ceil(picture.height / _TILE))
    text, image = text_tokens(question.text), (tiles + 1) * _TILE_TOKENS
    price_in, price_out = (Decimal(price) for price in MODELS[question.model])
    ticks = (price_in * (text + image) + price_out * (output + thoughts)) * _TICKS_PER_TOKEN
    return {
        "prompt_tokens": text + image,
        "completion_tokens": output,
        "total_tokens": text + image + output + thoughts,
        "prompt_tokens_details": {
            "text_tokens": text,
            "audio_tokens": 0,
            "image_tokens": image,
            "cached_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": thoughts,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": int(ticks),
    }


def _refused(message: str) -> RequestRejected:
    return RequestRejected(error(400, "invalid-argument", message))
