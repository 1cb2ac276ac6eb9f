"""Which JSON fields `generateContent` knows, and Google's error for the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.gemini.errors import bad_request
from imagegen_nb.emulator.responses import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Known fields by message. None: any value, not checked. A message name: checked; a list of them too.
_SCHEMA: Final[Mapping[str, Mapping[str, str | None]]] = {
    "request": {
        "contents": "content", "generationConfig": "generation", "systemInstruction": "content",
        "tools": None, "safetySettings": None, "toolConfig": None, "cachedContent": None,
        "store": None, "serviceTier": None,
    },
    "content": {"role": None, "parts": "part"},
    "part": {"text": None, "inlineData": "blob", "fileData": None, "thought": None, "thoughtSignature": None,
             "mediaResolution": None},
    "blob": {"mimeType": None, "data": None},
    "generation": {
        "responseModalities": None, "imageConfig": "image", "candidateCount": None, "temperature": None,
        "topP": None, "topK": None, "seed": None, "maxOutputTokens": None, "stopSequences": None,
        "presencePenalty": None, "frequencyPenalty": None, "responseMimeType": None, "responseSchema": None,
        "responseJsonSchema": None, "responseLogprobs": None, "logprobs": None, "thinkingConfig": None,
        "mediaResolution": None, "speechConfig": None,
    },
    "image": {"aspectRatio": None, "imageSize": None},
}  # fmt: skip

#: What only Vertex AI knows.
_VERTEX_ONLY: Final[Mapping[str, Mapping[str, str | None]]] = {
    "request": {"labels": None, "modelArmorConfig": None},
    "generation": {"audioTimestamp": None, "routingConfig": None},
    "image": {"personGeneration": None, "prominentPeople": None, "imageOutputOptions": "output"},
    "output": {"mimeType": None, "compressionQuality": None},
}

#: Messages that may stand in a list.
_REPEATED: Final = ("content", "part")


def camel_case(name: str) -> str:
    """A field's name in JSON, of either that or its name in the protocol buffer."""
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)


def fields(message: Any) -> dict[str, Any]:
    """The fields of a message by their names in JSON, without looking into them; empty when it is none."""
    return {camel_case(name): value for name, value in message.items()} if isinstance(message, dict) else {}


def normalize(body: Any, *, vertex: bool) -> dict[str, Any]:
    """`body` with its known fields in camelCase; raises `RequestRejected` naming every unknown one.

    Like any protocol-buffer endpoint this takes ``snake_case`` names as well; null means absent.
    """
    if not isinstance(body, dict):
        raise RequestRejected(bad_request("Invalid JSON payload received. Expected an object."))
    violations: list[tuple[str, str]] = []
    normalized = _walk(body, "request", "", violations, vertex)
    if violations:
        raise RequestRejected(bad_request("\n".join(text for _, text in violations), violations))
    assert isinstance(normalized, dict)
    return normalized


def _walk(value: Any, message: str, path: str, violations: list[tuple[str, str]], vertex: bool) -> Any:
    if isinstance(value, list) and message in _REPEATED and not path.endswith("]"):
        return [
            _walk(item, message, f"{path}[{index}]", violations, vertex) for index, item in enumerate(value)
        ]
    if not isinstance(value, dict):
        violations.append((path, f"Invalid value at '{path}': expected an object."))
        return None
    known = {**_SCHEMA.get(message, {}), **(_VERTEX_ONLY.get(message, {}) if vertex else {})}
    normalized: dict[str, Any] = {}
    for name, inner in value.items():
        camel = camel_case(name)
        if camel not in known:
            where = f" at '{path}'" if path else ""
            violations.append(
                (path, f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
            )
        elif inner is not None:
            inner_message = known[camel]
            snake = re.sub(r"([A-Z])", lambda match: "_" + match.group(1).lower(), camel)
            inner_path = f"{path}.{snake}" if path else snake
            normalized[camel] = (
                inner
                if inner_message is None
                else _walk(inner, inner_message, inner_path, violations, vertex)
            )
    return normalized
