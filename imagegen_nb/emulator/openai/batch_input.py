"""The file of requests that becomes a batch of OpenAI's, checked as OpenAI checks it.

Codes, messages and parameters are those recorded from OpenAI in the expectations of llama-stack's
``tests/integration/batches/test_batches_errors.py`` (its revision of 2025-09): `invalid_json_line`,
`missing_required_parameter`, `invalid_url`, `model_not_found`, `streaming_unsupported`, `invalid_request`.
`duplicate_custom_id` has the message quoted in OpenAI's forum (topic 723696), and `mismatched_model` the code
that others report. Not seen anywhere, and so made up here: `mismatched_model`'s message, and the errors of a
file with too many requests or bytes; the limits themselves are those of the SDK's `BatchCreateParams`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from imagegen_nb.emulator.batch_desk import Line
from imagegen_nb.emulator.openai.models import MODELS

MOST_LINES: Final = 50_000
LARGEST: Final = 200 * 1024 * 1024
_FIELDS: Final = ("custom_id", "method", "url", "body")


def read(content: bytes, endpoint: str) -> tuple[list[Line], list[dict[str, Any]]]:
    """The requests of a file, and the entries of the batch's ``errors.data``; one of these fails it."""
    if len(content) > LARGEST:
        return [], [problem("file_too_large", "The batch input file is larger than the 200 MB maximum.")]
    texts = content.splitlines()
    if len(texts) > MOST_LINES:
        message = f"The batch has {len(texts)} requests, more than the maximum of {MOST_LINES}."
        return [], [problem("too_many_tasks", message)]
    lines, errors, keys = list[Line](), list[dict[str, Any]](), set[str]()
    models = list[str]()
    for number, text in enumerate(texts, 1):
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            message = "This line is not parseable as valid JSON."
            errors.append(problem("invalid_json_line", message, number))
            continue
        found = _problems(document, endpoint, keys, models)
        errors += [{**each, "line": number} for each in found]
        if not found:
            lines.append(Line(document["custom_id"], document["body"]))
    return lines, errors


def problem(code: str, message: str, line: int | None = None, param: str | None = None) -> dict[str, Any]:
    """One entry of ``errors.data``."""
    return {"code": code, "line": line, "message": message, "param": param}


def is_jsonl(content: bytes) -> bool:
    """Whether an upload looks like JSON lines: only its first line is looked at, as far as is known."""
    try:
        json.loads(content.partition(b"\n")[0])
    except ValueError:
        return False
    return True


def _problems(
    document: dict[str, Any], endpoint: str, keys: set[str], models: list[str]
) -> list[dict[str, Any]]:
    """What is wrong with one request; `keys` and `models` are of those before it, and are added to."""
    missing = [name for name in _FIELDS if name not in document]
    if missing:
        return [
            problem("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
            for name in missing
        ]
    key, body = document["custom_id"], document["body"]
    found = list[dict[str, Any]]()
    if key in keys:
        message = (
            "The custom_id for this request is a duplicate of another request. The custom_id parameter must "
            "be unique for each request in a batch."
        )
        found.append(problem("duplicate_custom_id", message, param="custom_id"))
    keys.add(key)
    if document["url"] != endpoint or document["method"] != "POST":
        message = "The URL provided for this request does not match the batch endpoint."
        found.append(problem("invalid_url", message, param="url"))
    model = body.get("model") if isinstance(body, dict) else None
    if not isinstance(model, str):
        found.append(problem("invalid_request", "Model parameter is required.", param="body.model"))
        return found
    if model not in MODELS:
        message = f"The provided model '{model}' is not supported by the Batch API."
        found.append(problem("model_not_found", message, param="body.model"))
    elif models and models[0] != model:
        message = f"The provided model '{model}' differs from that of earlier requests, '{models[0]}'."
        found.append(problem("mismatched_model", message, param="body.model"))
    models.append(model)
    if body.get("stream"):
        message = "Images: Streaming is not supported in the Batch API."
        found.append(problem("streaming_unsupported", message, param="body.stream"))
    return found
