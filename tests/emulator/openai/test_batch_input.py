from __future__ import annotations

import json
from typing import Any

import pytest

from imagegen_nb.emulator.openai import batch_input

ENDPOINT = "/v1/images/generations"
STREAMED = {"model": "gpt-image-2", "stream": True}


def line(**changes: Any) -> bytes:
    document = {"custom_id": "a", "method": "POST", "url": ENDPOINT, "body": {"model": "gpt-image-2"}}
    changed = {name: value for name, value in {**document, **changes}.items() if value is not None}
    return json.dumps(changed).encode() + b"\n"


@pytest.mark.parametrize(
    ("second", "code", "param"),
    [
        (line(custom_id=None), "missing_required_parameter", "custom_id"),
        (line(custom_id="b", method=None), "missing_required_parameter", "method"),
        (line(custom_id="b", url=None), "missing_required_parameter", "url"),
        (line(custom_id="b", body=None), "missing_required_parameter", "body"),
        (line(custom_id="b", url="/v1/embeddings"), "invalid_url", "url"),
        (line(custom_id="b", body={}), "invalid_request", "body.model"),
        (line(custom_id="b", body={"model": "nothing"}), "model_not_found", "body.model"),
        (line(custom_id="b", body={"model": "gpt-image-2.5-flare"}), "mismatched_model", "body.model"),
        (line(custom_id="b", body=STREAMED), "streaming_unsupported", "body.stream"),
        (line(), "duplicate_custom_id", "custom_id"),
        (b"[]\n", "invalid_json_line", None),
        (b"nothing\n", "invalid_json_line", None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(second: bytes, code: str, param: str | None) -> None:
    _, errors = batch_input.read(line() + second, ENDPOINT)
    assert [(each["line"], each["code"], each["param"]) for each in errors] == [(2, code, param)]


def test_every_bad_line_is_told() -> None:
    _, errors = batch_input.read(line(custom_id=None) + b"x\n" + line(url="/v1/other"), ENDPOINT)
    assert [each["line"] for each in errors] == [1, 2, 3]


def test_a_good_file_has_its_requests_in_order() -> None:
    lines, errors = batch_input.read(line() + line(custom_id="b"), ENDPOINT)
    assert ([each.key for each in lines], errors) == (["a", "b"], [])


def test_too_many_requests_or_bytes_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_input, "MOST_LINES", 1)
    assert batch_input.read(line() + line(custom_id="b"), ENDPOINT)[1][0]["code"] == "too_many_tasks"
    monkeypatch.setattr(batch_input, "LARGEST", 10)
    assert batch_input.read(line(), ENDPOINT)[1][0]["code"] == "file_too_large"
