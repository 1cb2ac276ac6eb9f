"""What the emulator says of a picture that it is asked about: an answer that fits the schema.

Nothing looks at the picture as a model would. Its score is measured: the same picture always gets the same,
other pictures get others, and every text says that it is emulated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagegen_nb.emulator.rendering.drawing import Drawing

_MOST_PIXELS: Final = 50_000_000
_CONTRAST: Final = 128.0
"""The largest standard deviation of brightness: half of the pixels black, half white."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that came with a question. `media_type` is read off its bytes; `measure` lies from 0 to 1."""

    width: int
    height: int
    media_type: str
    measure: float


@dataclass(frozen=True, slots=True)
class Question:
    """A checked question about a picture, which is base64; `schema` is what the answer has to fit."""

    model: str
    text: str
    image: str
    image_type: str
    schema: dict[str, Any] | None
    most_tokens: int | None

    @property
    def digest(self) -> str:
        """32 hexadecimal digits, the same for an equal question."""
        identity = "\x00".join((self.model, self.text, self.image))
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def answer(self, picture: Picture) -> str:
        """JSON that fits the schema: numbers between their bounds by the picture's measure, texts that say
        so; a sentence where no schema was given."""
        if self.schema is None:
            return "(EMULATED) No form was asked for, so this is text."
        return json.dumps(_value(self.schema, picture), separators=(",", ":"))


class TextJob:
    """The part of `imagegen_nb.emulator.adapter.Job` for an answer that is text: it draws nothing."""

    __slots__ = ()

    def drawings(self) -> list[Drawing]:
        """None."""
        return []

    def partial_drawings(self) -> list[list[Drawing]]:
        """None."""
        return []


def look(data: str) -> Picture | None:
    """The picture whose base64 is `data`; None where it is none that can be decoded."""
    from PIL import Image, ImageStat

    try:
        content = base64.b64decode(data, validate=True)
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "WEBP", "GIF"]) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            media_type = Image.MIME[image.format or ""]
            grey = image.convert("L")
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    stat = ImageStat.Stat(grey)
    measure = (stat.stddev[0] / _CONTRAST + stat.mean[0] / 255) / 2
    return Picture(grey.width, grey.height, media_type, min(1.0, measure))


def split_data_url(url: object) -> tuple[str, str] | None:
    """The MIME type and the base64 of a ``data:`` address; None for anything else."""
    if not isinstance(url, str):
        return None
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head.removeprefix("data:").removesuffix(";base64"), data


def _value(schema: Mapping[str, Any], picture: Picture) -> Any:
    match str(schema.get("type", "")).lower():
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(inner, picture) for name, inner in properties.items()}
        case "boolean":
            return True
        case "number" | "integer" as kind:
            low, high = schema.get("minimum", 0), schema.get("maximum", 1)
            value = low + (high - low) * picture.measure
            return round(value) if kind == "integer" else round(value, 2)
        case "array":
            return []
        case _:
            size = f"{picture.width} x {picture.height}"
            return f"EMULATED: no model looked at this picture of {size} pixels; its contrast was measured"


def schema_problem(schema: object) -> str:
    """What the providers' strict mode refuses in a schema of an answer; empty where nothing is wrong."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'"
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return "'properties' is required to be supplied"
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false"
    required = schema.get("required")
    if not isinstance(required, list) or set(required) != set(properties):
        return "'required' is required to be supplied and to be an array including every key in properties"
    return ""
