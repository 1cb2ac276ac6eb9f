"""Which JSON fields `generateContent` knows, and Google's complaint about the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.gemini.errors import bad_request
from imagegen_nb.emulator.responses import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Known fields by message. None: any value, not looked into. A message name: looked into; a list of them too.
SCHEMA: Final[Mapping[str, Mapping[str, str | None]]] = {
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
VERTEX_ONLY: Final[Mapping[str, Mapping[str, str | None]]] = {
    "request": {"labels": None, "modelArmorConfig": None},
    "generation": {"audioTimestamp": None, "routingConfig": None},
    "image": {"personGeneration": None, "prominentPeople": None, "imageOutputOptions": "output"},
    "output": {"mimeType": None, "compressionQuality": None},
}

#: Messages that may stand in a list.
REPEATED: Final = ("content", "part")


def normalised(body: Any, *, vertex: bool) -> dict[str, Any]:
    """`body` with its known fields in camelCase; raises Refusal naming every unknown one.

    Like any protocol-buffer endpoint this takes ``snake_case`` names as well; null means absent.
    """
    if not isinstance(body, dict):
        raise Refusal(bad_request("Invalid JSON payload received. Expected an object."))
    complaints: list[tuple[str, str]] = []
    clean = _walk(body, "request", "", complaints, vertex)
    if complaints:
        raise Refusal(bad_request("\n".join(text for _, text in complaints), complaints))
    assert isinstance(clean, dict)
    return clean


def _walk(value: Any, message: str, path: str, complaints: list[tuple[str, str]], vertex: bool) -> Any:
    if isinstance(value, list) and message in REPEATED and not path.endswith("]"):
        return [_walk(one, message, f"{path}[{at}]", complaints, vertex) for at, one in enumerate(value)]
    if not isinstance(value, dict):
        complaints.append((path, f"Invalid value at '{path}': expected an object."))
        return None
    known = {**SCHEMA.get(message, {}), **(VERTEX_ONLY.get(message, {}) if vertex else {})}
    clean: dict[str, Any] = {}
    for name, inner in value.items():
        camel = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)
        if camel not in known:
            where = f" at '{path}'" if path else ""
            complaints.append(
                (path, f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
            )
        elif inner is not None:
            below = known[camel]
            snake = re.sub(r"([A-Z])", lambda match: "_" + match.group(1).lower(), camel)
            deeper = f"{path}.{snake}" if path else snake
            clean[camel] = inner if below is None else _walk(inner, below, deeper, complaints, vertex)
    return clean
