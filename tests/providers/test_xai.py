"""xAI: its own errors and prices, and pictures that are never fetched by URL."""

from __future__ import annotations

import base64
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.core.types import VisionAnswer, VisionRequest
from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    InvalidResponse,
    ModerationBlocked,
    QuotaExhausted,
    RateLimited,
)
from imagegen_nb.providers import xai
from imagegen_nb.providers.http.response import ProviderResponse

KEY = "gateway-key-0123456789"
STEP = ImageGenerationStep(model="grok-imagine-image", prompt="a fox", on_failure="continue")


@pytest.fixture
def through(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", KEY)

    def make(url: str) -> Workspace:
        return Workspace(tmp_path / "assets", hosted={"xai": Gateway(url, "GATEWAY_KEY")}, timeout=30)

    return make


@pytest.fixture
def gateway(through, emulator):
    return through(f"{emulator.url}/xai/v1")


def jpeg() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "blue").save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


def http(body: bytes | Any, status: str = "200 OK") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


def test_asks_for_the_data_and_nothing_more(gateway, emulator):
    STEP.run(workspace=gateway)
    (request,) = emulator.requests
    assert request.body == {
        "model": "grok-imagine-image",
        "prompt": "a fox",
        "n": 1,
        "response_format": "b64_json",
    }
    assert request.headers["authorization"] == fingerprint(f"Bearer {KEY}")


def test_neither_openais_nor_xais_environment_matters(gateway, emulator, raw_server, monkeypatch):
    """An OpenAI client for xAI would send OpenAI's key and organisation along."""
    elsewhere = raw_server(http({}))
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "XAI_API_KEY"):
        monkeypatch.setenv(name, f"canary-{name}")
    for name in ("OPENAI_BASE_URL", "XAI_BASE_URL", "XAI_API_HOST", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Extra: canary")
    assert STEP.run(workspace=gateway).status == "done"
    assert elsewhere.requests == []
    (request,) = emulator.requests
    assert "canary" not in json.dumps(request.to_json())
    assert request.headers["authorization"] == fingerprint(f"Bearer {KEY}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(gateway, emulator, raw_server, status):
    elsewhere = raw_server(http({}))
    emulator.script("xai", Fault("redirect", status=status, location=elsewhere.url))
    assert STEP.run(workspace=gateway).error.status == status
    assert elsewhere.requests == []


def test_a_url_instead_of_data_is_not_fetched(raw_server, through):
    elsewhere = raw_server(http(b"picture"))
    server = raw_server(http({"data": [{"url": f"{elsewhere.url}/1.jpeg", "b64_json": None}]}))
    error = STEP.run(workspace=through(server.url)).error
    assert type(error) is InvalidResponse
    assert "not fetched" in str(error)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": ""},
        {"b64_json": None, "mime_type": "image/jpeg"},
        {"url": "", "respect_moderation": False},
    ],
    ids=str,
)
def test_a_withheld_picture_counts_as_blocked(raw_server, through, item):
    server = raw_server(http({"data": [{"b64_json": jpeg()}, item]}))
    run = STEP.replace(image_count=2).run(workspace=through(server.url))
    assert (run.status, run.returned, run.blocked) == ("partial", 1, 1)
    assert run.shortfalls[0].error.charge == "unknown"


@pytest.mark.parametrize(
    "data", [None, [], {}, "text", [{}], [None], [7], [{"b64_json": 7}], [{"b64_json": "?"}]]
)
def test_useless_answers(raw_server, through, data):
    server = raw_server(http({"data": data}))
    error = STEP.run(workspace=through(server.url)).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")
    assert len(server.requests) == 1


def test_declared_type_and_price_may_be_missing_or_odd(raw_server, through):
    answer = {
        "data": [{"b64_json": jpeg(), "mime_type": 7}],
        "usage": {"cost_in_usd_ticks": "much"},
        "model": [],
    }
    run = STEP.run(workspace=through(raw_server(http(answer)).url))
    assert (run.status, run.output.assets[0].file_type) == ("done", "image/png")
    assert run.usage.as_dict() == {}
    assert run.answered_by == "grok-imagine-image"


@pytest.mark.parametrize("told", ["200000000", 200_000_000.0, 200_000_000])
def test_the_price_may_be_written_as_protocol_buffers_write_large_numbers(raw_server, through, told):
    answer = {"data": [{"b64_json": jpeg()}], "usage": {"cost_in_usd_ticks": told}}
    run = STEP.run(workspace=through(raw_server(http(answer)).url))
    assert (run.cost.amount, run.cost.reasons) == (Decimal("0.02"), ())


@pytest.mark.parametrize("told", ["-1", "1e9", " 5", "²", "9" * 40, 0.5, float("nan"), True, [1], None])
def test_what_is_no_count_of_ticks_is_no_price(raw_server, through, told):
    answer = {"data": [{"b64_json": jpeg()}], "usage": {"cost_in_usd_ticks": told}}
    assert STEP.run(workspace=through(raw_server(http(answer)).url)).cost.amount is None


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("422 No", b"Failed to deserialize the JSON body into the target type: n", BadRequest),
        ("400 No", {"code": "invalid-argument", "error": "Argument not supported: size"}, BadRequest),
        ("400 No", {"code": "Client specified an invalid argument",
                    "error": "Generated image rejected by content moderation.",
                    "usage": {"cost_in_usd_ticks": 0}}, ModerationBlocked),
        ("400 No", {"code": "invalid-argument", "error": "Incorrect API key."}, AuthenticationFailed),
        ("403 No", {"code": "permission-denied", "error": "used all available credits"}, QuotaExhausted),
        ("429 No", {"code": "resource-exhausted", "error": "Too many requests"}, RateLimited),
        ("400 No", {"error": {"message": "in OpenAI's shape"}}, BadRequest),
        ("400 No", [], BadRequest),
    ],
)  # fmt: skip
def test_errors(raw_server, through, status, body, kind):
    error = STEP.run(workspace=through(raw_server(http(body, status)).url)).error
    assert (type(error), error.status, error.charge) == (kind, int(status[:3]), "none")


def test_the_words_of_a_plain_text_refusal_are_told(raw_server, through):
    """xAI's 422 is text, and says what is wrong."""
    server = raw_server(http(b"Failed to deserialize the JSON body: missing field `model`", "422 No"))
    assert "missing field" in str(STEP.run(workspace=through(server.url)).error)


def test_a_blocked_picture_can_be_billed_and_says_so(gateway, emulator):
    emulator.script("xai", Fault("moderation"))
    run = STEP.replace(image_count=2).run(workspace=gateway)
    assert (type(run.error), run.error.charge, run.blocked) == (ModerationBlocked, "charged", 2)
    assert run.error.code == "imagine:content-moderated"
    assert run.usage.cost_in_usd_ticks == 400_000_000
    assert "charged" in str(run.error)


def test_usage_of_a_partial_run_is_what_was_billed(gateway, emulator):
    emulator.script("xai", Fault("fewer", images=1))
    run = STEP.replace(image_count=3).run(workspace=gateway)
    assert (run.returned, run.usage.cost_in_usd_ticks) == (1, 200_000_000)


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
def test_a_redirected_model_says_who_answered(workspace):
    step = ImageGenerationStep(model="grok-imagine-image-quality", prompt="a fox")
    run = step.run(workspace=workspace)
    assert run.answered_by == "grok-imagine-image-2.0"
    assert run.output.settings.model == "grok-imagine-image-quality"
    assert "grok-imagine-image-quality was answered by grok-imagine-image-2.0" in run.warnings


def test_jpegs_are_kept_as_png(workspace):
    (asset,) = STEP.run(workspace=workspace).output.assets
    assert asset.bytes().startswith(b"\x89PNG")
    assert (asset.file_type, asset.file_name) == ("image/png", "a-fox-1.png")
    assert asset.file_url.endswith(".png")


# Questions about a picture


QUESTION = VisionRequest(
    model="grok-4.6",
    question="Is it blue?",
    image=b"\x89PNG",
    media_type="image/png",
    schema={"type": "object"},
    most_tokens=500,
)


def said(answer: dict[str, object]) -> VisionAnswer:
    response = ProviderResponse("xai", 200, {"x-request-id": "r1"}, json.dumps(answer).encode())
    return xai._read_answer(QUESTION, response)


def choice(content: object, reason: str = "stop", **message: object) -> dict[str, object]:
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": reason}]}


def test_a_question_asks_for_json_and_bounds_the_answer():
    body = xai._question(QUESTION)
    picture, text = body["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "Is it blue?"}
    assert body["response_format"]["json_schema"]["schema"] == QUESTION.schema
    assert body["max_completion_tokens"] == 500


def test_an_answers_usage_tells_image_tokens_and_the_price():
    usage = {
        "prompt_tokens": 1300,
        "prompt_tokens_details": {"text_tokens": 20, "image_tokens": 1280, "cached_tokens": 64},
        "completion_tokens": 9,
        "completion_tokens_details": {"reasoning_tokens": 94},
        "total_tokens": 1403,
        "cost_in_usd_ticks": 32_180_000,
    }
    answer = said({**choice('{"score": 7}'), "usage": usage, "model": "grok-4.6-0807"})
    assert (answer.text, answer.error) == ('{"score": 7}', None)
    found = answer.metadata.usage
    assert found.input == {"text": 20, "image": 1280}
    assert found.output == {"text": 9, "thoughts": 94}
    assert found.cost_in_usd_ticks == 32_180_000
    assert (answer.metadata.answered_by, answer.metadata.request_id) == ("grok-4.6-0807", "r1")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (choice(None, refusal="No."), ModerationBlocked),
        (choice("", reason="content_filter"), ModerationBlocked),
        (choice('{"sc', reason="length"), InvalidResponse),
        (choice(None), InvalidResponse),
        (choice([{"text": "7"}]), InvalidResponse),
        ({"choices": None}, InvalidResponse),
        ({"choices": [None]}, InvalidResponse),
        ({"choices": [{"message": "7"}]}, InvalidResponse),
        ({}, InvalidResponse),
    ],
    ids=str,
)
def test_what_is_no_answer_says_why(answer, kind):
    assert type(said(answer).error) is kind
