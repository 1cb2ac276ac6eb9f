"""OpenAI's Responses API on the emulator, through OpenAI's own SDK."""

from __future__ import annotations

import base64
import json

import openai
import pytest
from support.emulated import KEY
from support.images import picture

from imagegen_nb.emulator import Fault

URL = f"data:image/png;base64,{base64.b64encode(picture('PNG')).decode()}"
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "score": {"type": "number", "minimum": 0, "maximum": 10}},
    "required": ["reason", "score"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}


def question(url: object = URL, **changes: object) -> dict[str, object]:
    content = [{"type": "input_text", "text": "Is it blue?"}, {"type": "input_image", "image_url": url}]
    body = {"model": "gpt-5.4-mini", "input": [{"role": "user", "content": content}]}
    return {**body, "text": {"format": FORMAT}, "max_output_tokens": 1000, "store": False, **changes}


def test_the_sdk_reads_the_answer(oai):
    response = oai.responses.create(**question())
    told = json.loads(response.output_text)
    assert 0 <= told["score"] <= 10
    assert "EMULATED" in told["reason"]
    assert (response.status, response.model, response.error) == ("completed", "gpt-5.4-mini", None)
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens_details.cached_tokens == 0
    assert usage.output_tokens_details.reasoning_tokens > 0
    assert response._request_id.startswith("req_emulated_")


def test_equal_questions_have_equal_answers(oai):
    first, second = (oai.responses.create(**question()) for _ in range(2))
    assert first.to_dict() == second.to_dict()


def test_a_bound_that_is_too_low_cuts_the_answer_off(oai):
    response = oai.responses.create(**question(max_output_tokens=20))
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output_text == ""
    assert response.usage.output_tokens == 20


def test_a_refusal(oai, emulator):
    emulator.script("openai", Fault("moderation"))
    content = oai.responses.create(**question()).output[0].content[0]
    assert content.type == "refusal"
    assert content.refusal


REFUSED = [
    (question(model=None), 400, "missing_required_parameter", "model"),
    (question(model="gpt-image-2"), 404, "model_not_found", "model"),
    (question(surprise=1), 400, "unknown_parameter", "surprise"),
    (question(input=[]), 400, "missing_required_parameter", "input"),
    (question("https://host.example/a.png"), 400, "invalid_value", "input[0].content[1].image_url"),
    (question("data:image/png;base64,AAAA"), 400, "invalid_image", "input"),
    (question(f"data:text/plain;base64,{URL[22:]}"), 400, "invalid_image", "input"),
    (question(max_output_tokens=1), 400, "integer_below_min_value", "max_output_tokens"),
    (question(text={"format": {"type": "json_schema", "schema": SCHEMA}}), 400, "missing_required_parameter",
     "text.format.name"),
    (question(text={"format": {**FORMAT, "schema": {**SCHEMA, "required": []}}}), 400, "invalid_json_schema",
     "text.format.schema"),
    ([], 400, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code", "param"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_the_provider_refuses_is_refused(http, body, status, code, param):
    response = http.post("/openai/v1/responses", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)


def test_a_key_is_needed(emulator, http):
    response = http.post("/openai/v1/responses", json=question(), headers={"authorization": ""})
    assert response.status_code == 401
    with (
        openai.OpenAI(
            base_url=f"{emulator.url}/openai/v1", api_key=f"invalid-{KEY}", max_retries=0
        ) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.responses.create(**question())


def test_the_log_keeps_no_pictures(http, emulator):
    large = f"data:image/png;base64,{'A' * 500_000}"
    http.post("/openai/v1/responses", json=question(large))
    (request,) = emulator.requests
    assert len(json.dumps(request.body)) < 2_000
    assert "500,022 characters" in json.dumps(request.body, ensure_ascii=False)
