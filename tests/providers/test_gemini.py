"""Gemini: both of Google's surfaces, side-by-side calls, and an environment that must not matter."""

from __future__ import annotations

import base64
import io
import json
import ssl
import threading
from dataclasses import replace
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from PIL import Image

from imagegen_nb import Gateway, ImageGenerationStep, VertexAI, Workspace
from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.errors import (
    AuthenticationFailed,
    InvalidResponse,
    ModelRetired,
    ModerationBlocked,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from imagegen_nb.providers import gemini_content
from imagegen_nb.providers.credentials import PLACEHOLDER
from imagegen_nb.providers.http.response import ProviderResponse

KEY = "gateway-key-0123456789"
STEP = ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", on_failure="continue")
DEVELOPER_PATH = "/gemini/v1beta/models/gemini-nano-banana-2.1:generateContent"
VERTEX_PATH = (
    "/gemini/v1beta1/projects/my-project/locations/{}/publishers/google/models/"
    "gemini-nano-banana-2.1:generateContent"
)


@pytest.fixture
def through(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", KEY)

    def make(url: str, **options: Any) -> Workspace:
        hosted = {"gemini": Gateway(url, "GATEWAY_KEY")}
        return Workspace(tmp_path / "assets", hosted=hosted, **{"timeout": 30, **options})

    return make


@pytest.fixture
def gateway(through, emulator):
    return through(f"{emulator.url}/gemini")


def png() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "blue").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


PART = {"inlineData": {"mimeType": "image/png", "data": png()}}


def http(body: bytes | Any, status: str = "200 OK") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/json; charset=UTF-8\r\nconnection: close"
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode()
        + content
    )


# --- where calls go


def test_the_developer_api_is_pinned_to_its_version(gateway, emulator):
    run = STEP.run(workspace=gateway)
    assert (run.backend, run.paid_by) == ("live", "hosted: gateway 127.0.0.1 (GATEWAY_KEY)")
    (request,) = emulator.requests
    assert request.path == DEVELOPER_PATH
    assert request.headers["x-goog-api-key"] == fingerprint(KEY)
    assert "authorization" not in request.headers
    assert "x-imagegen-nb-call" not in request.headers


@pytest.fixture
def hostile_environment(raw_server, monkeypatch):
    """Everything google-genai and google-auth read, pointing elsewhere; returns the other host."""
    elsewhere = raw_server(http({}))
    for name in (
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_VERTEX_BASE_URL",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.setenv(name, elsewhere.url)
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION",
                 "GCLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_GENAI_API_VERSION"):  # fmt: skip
        monkeypatch.setenv(name, f"canary-{name.lower()}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/canary.json")
    return elsewhere


@pytest.mark.parametrize("vertex", ["true", "false", "1", "nonsense"])
@pytest.mark.parametrize("switch", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_no_environment_moves_the_developer_api(
    gateway, emulator, hostile_environment, monkeypatch, switch, vertex
):
    monkeypatch.setenv(switch, vertex)
    assert STEP.run(workspace=gateway).status == "done"
    assert hostile_environment.requests == []
    (request,) = emulator.requests
    assert request.path == DEVELOPER_PATH
    assert request.headers["x-goog-api-key"] == fingerprint(KEY)
    assert "canary" not in json.dumps(request.to_json())


@pytest.mark.parametrize("vertex", ["true", "false"])
def test_no_environment_moves_vertex(vertex_workspace, emulator, hostile_environment, monkeypatch, vertex):
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", vertex)
    assert STEP.run(workspace=vertex_workspace).status == "done"
    assert hostile_environment.requests == []
    (request,) = emulator.requests
    assert request.path == VERTEX_PATH.format("global")
    assert "canary" not in json.dumps(request.to_json())


@pytest.mark.parametrize("mode", ["record", "replay", "auto"])
def test_the_sdks_debug_modes_do_not_take_over(gateway, emulator, monkeypatch, tmp_path, mode):
    monkeypatch.setenv("GOOGLE_GENAI_CLIENT_MODE", mode)
    monkeypatch.setenv("GOOGLE_GENAI_REPLAY_ID", "canary/replay")
    monkeypatch.setenv("GOOGLE_GENAI_REPLAYS_DIRECTORY", str(tmp_path / "replays"))
    assert STEP.run(workspace=gateway).status == "done"
    assert emulator.count() == 1
    assert not (tmp_path / "replays").exists()


def test_no_tls_settings_are_loaded_that_nobody_uses(workspace, vertex_workspace, monkeypatch):
    """Each loading reads all trusted certificates."""
    loaded = []
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: loaded.append("default"))
    assert STEP.run(workspace=workspace).error is None
    assert STEP.run(workspace=vertex_workspace).error is None
    assert loaded == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(gateway, emulator, raw_server, status):
    """The SDK alone would hand the key to the other host."""
    elsewhere = raw_server(http({}))
    emulator.script("gemini", Fault("redirect", status=status, location=f"{elsewhere.url}{DEVELOPER_PATH}"))
    assert STEP.run(workspace=gateway).error.status == status
    assert elsewhere.requests == []
    assert emulator.count() == 1


def test_only_known_headers_leave(raw_server, through):
    server = raw_server(http({}, "500 No"))
    STEP.run(workspace=through(server.url))
    (request,) = server.requests
    assert set(request.headers) <= {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-goog-api-client",
        "x-goog-api-key",
    }
    assert request.headers["x-goog-api-key"] == KEY
    assert request.headers["accept-encoding"] == "identity"


def test_a_bad_key_is_a_400_here(gateway, emulator, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "invalid-key-0123456789")
    error = STEP.run(workspace=gateway).error
    assert (type(error), error.status, error.code) == (AuthenticationFailed, 400, "INVALID_ARGUMENT")


# --- Vertex AI


@pytest.fixture
def vertex_workspace(emulator, tmp_path):
    return Workspace(
        tmp_path / "vertex", backend=emulator.url, hosted={"gemini": VertexAI("my-project")}, timeout=30
    )


@pytest.mark.parametrize("location", ["global", "us-central1", "eu"])
def test_vertex_by_way_of_the_emulator(emulator, tmp_path, location):
    hosted = {"gemini": VertexAI("my-project", location)}
    run = STEP.replace(image_size="16:9").run(
        workspace=Workspace(tmp_path, backend=emulator.url, hosted=hosted, timeout=30)
    )
    assert (run.status, run.paid_by) == ("done", "nobody (emulator)")
    assert run.output.settings.model_dump() == {"model": STEP.model, "image_size": "16:9"}
    assert run.usage.as_dict()["output_tokens"] == {"image": 1120, "thoughts": 153}
    (request,) = emulator.requests
    assert request.path == VERTEX_PATH.format(location)
    assert request.headers["authorization"] == fingerprint(f"Bearer {PLACEHOLDER}")
    assert "x-goog-api-key" not in request.headers


@pytest.mark.parametrize(
    "fault", ["auth", "permission", "rate_limit", "not_found", "moderation", "hang", "html"]
)
def test_vertex_faults(vertex_workspace, emulator, fault):
    # Too little to wait for another turn in.
    vertex_workspace.timeout = {"hang": 1.0, "rate_limit": 10.0}.get(fault, 30)
    emulator.script("gemini", Fault(fault))
    run = STEP.run(workspace=vertex_workspace)
    expected = {
        "auth": "authentication",
        "permission": "authentication",
        "rate_limit": "rate_limit",
        "not_found": "model_retired",
        "moderation": "moderation",
        "hang": "timeout",
        "html": "invalid_response",
    }
    assert run.error.kind == expected[fault]
    assert emulator.count() == 1


class Token(Credentials):
    """Google credentials with a fixed token; `refresh` fails."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self.token = token

    def refresh(self, request: object) -> None:
        raise RefreshError("canary: could not be refreshed")


class Loopback(Workspace):
    """A live workspace whose Vertex AI calls stay on this machine."""

    url = ""

    def connection(self, provider, route):
        return replace(super().connection(provider, route), base_url=self.url)


@pytest.fixture
def live_vertex(emulator, tmp_path):
    def make(token: str | None) -> Workspace:
        workspace = Loopback(
            tmp_path, hosted={"gemini": VertexAI("my-project", credentials=Token(token))}, timeout=30
        )
        workspace.url = f"{emulator.url}/gemini"
        return workspace

    return make


def test_vertex_uses_the_accounts_credentials(live_vertex, emulator):
    run = STEP.run(workspace=live_vertex("ya29.of-the-account-0123456789"))
    assert (run.status, run.paid_by) == ("done", "hosted: Vertex AI project my-project")
    assert emulator.requests[0].headers["authorization"] == fingerprint(
        "Bearer ya29.of-the-account-0123456789"
    )


def test_vertex_credentials_that_cannot_be_refreshed(live_vertex, emulator):
    error = STEP.run(workspace=live_vertex(None)).error
    assert isinstance(error, ProviderError)
    assert error.charge == "none"
    assert emulator.count() == 0
    assert error.__context__ is error.__cause__ is None


def test_vertex_credentials_do_not_go_to_the_emulator(emulator, tmp_path):
    hosted = {"gemini": VertexAI("my-project", credentials=Token("ya29.of-the-account-0123456789"))}
    run = STEP.run(workspace=Workspace(tmp_path, backend=emulator.url, hosted=hosted, timeout=30))
    assert run.status == "done"
    assert emulator.requests[0].headers["authorization"] == fingerprint(f"Bearer {PLACEHOLDER}")


# --- N calls for N images


def test_the_calls_of_a_run_are_made_side_by_side(raw_server, through):
    """No answer comes before all requests have."""
    count = 5
    everyone = threading.Barrier(count)

    def answer(write, over) -> None:
        try:
            everyone.wait(10)
        except threading.BrokenBarrierError:
            write(http({}, "500 Alone"))
        else:
            write(http({"candidates": [{"content": {"parts": [PART]}}]}))

    server = raw_server(answer)
    run = STEP.replace(image_count=count).run(workspace=through(server.url))
    assert (run.status, run.returned) == ("done", count)
    assert len(server.requests) == count


def test_images_are_told_as_they_arrive_and_kept_in_order(workspace, emulator):
    emulator.script("gemini", Fault("delay", seconds=1.0), Fault("ok"), Fault("ok"))
    events = []
    run = STEP.replace(image_count=3).run(workspace=workspace, on_event=events.append)
    indices = [event.index for event in events if event.kind == "image"]
    assert sorted(indices) == [0, 1, 2]
    assert [asset.file_name for asset in run.output.assets] == [f"a-fox-{number}.png" for number in (1, 2, 3)]
    by_index = {event.index: event.image.data for event in events if event.kind == "image"}
    assert [asset.bytes() for asset in run.output.assets] == [by_index[index] for index in (0, 1, 2)]


# --- answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        {},
        {"candidates": None},
        {"candidates": {}},
        {"candidates": ["x"]},
        {"candidates": [{"content": None}]},
        {"candidates": [{"content": {"parts": "x"}}]},
        {"candidates": [{"content": {"parts": [None, "x", 7]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": "x"}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "?"}}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "AAAA", "mimeType": "text/html"}}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "No."}]}, "finishReason": "STOP"}]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_useless_answers(raw_server, through, answer):
    server = raw_server(http(answer))
    error = STEP.run(workspace=through(server.url)).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "extra",
    [
        {"usageMetadata": None},
        {"usageMetadata": {"promptTokenCount": "x", "candidatesTokensDetails": [None, {"tokenCount": -1}]}},
        {"modelVersion": 7, "responseId": []},
        {"promptFeedback": {}},
        {"newKey": [{}]},
    ],
    ids=str,
)
def test_odd_company_does_not_cost_the_image(raw_server, through, extra):
    answer = {
        "candidates": [{"content": {"parts": [{"text": "Here:"}, PART]}, "finishReason": "WEIRD"}],
        **extra,
    }
    run = STEP.run(workspace=through(raw_server(http(answer)).url))
    assert (run.status, run.returned, run.answered_by) == ("done", 1, STEP.model)


def test_drafts_are_passed_over(raw_server, through):
    other = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(other, "PNG")
    draft = {
        "thought": True,
        "inlineData": {"mimeType": "image/png", "data": base64.b64encode(other.getvalue()).decode()},
    }
    answer = {"candidates": [{"content": {"parts": [draft, PART]}}]}
    run = STEP.run(workspace=through(raw_server(http(answer)).url))
    assert run.output.assets[0].image().size == (16, 16)


def test_a_block_with_http_200_is_told_in_googles_words(gateway, emulator):
    emulator.script("gemini", Fault("moderation", message="It shows too much."))
    error = STEP.run(workspace=gateway).error
    assert (type(error), error.code, error.status) == (ModerationBlocked, "IMAGE_SAFETY", 200)
    assert "It shows too much." in str(error)


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
def test_the_retired_model_on_the_developer_api_and_vertex(workspace, vertex_workspace, emulator):
    emulator.retired = True
    step = STEP.replace(model="gemini-2.5-flash-image")
    for place in (workspace, vertex_workspace):
        error = step.run(workspace=place).error
        assert (type(error), error.status, error.charge) == (ModelRetired, 404, "none")


def google_error(*violations: dict[str, Any], delay: str | None = "34s", message: str = "quota") -> bytes:
    details: list[dict[str, Any]] = [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}]
    if violations:
        details.append(
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}
        )
    if delay:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    body = {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}}
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    )
    return f"{head}\r\nconnection: close\r\n\r\n".encode() + content


def quota(span: str, **more: str) -> dict[str, Any]:
    return {"quotaMetric": "m", "quotaId": f"GenerateRequestsPer{span}PerProjectPerModel-FreeTier", **more}


@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        (google_error(quota("Minute"), quota("Day")), QuotaExhausted, 1),
        (google_error(quota("Day")), QuotaExhausted, 1),
        (google_error(quota("Month")), QuotaExhausted, 1),
        (google_error(quota("Minute", quotaValue="0")), QuotaExhausted, 1),
        (google_error(quota("Minute"), message="* Quota exceeded, limit: 0, model: x"), QuotaExhausted, 1),
        (google_error({"subject": "billing", "description": "disabled"}, delay=None), QuotaExhausted, 1),
        (google_error(quota("Minute", quotaValue="10"), delay="1s"), RateLimited, 6),
        (google_error(quota("Minute", quotaValue="10"), delay=None), RateLimited, 6),
        (google_error(delay="1s"), RateLimited, 6),
        (google_error(delay=None), RateLimited, 6),
    ],
)
def test_a_spent_quota_is_no_rate_limit(raw_server, tmp_path, monkeypatch, waits, answer, kind, requests):
    """The recorded answer for a day's quota names a delay of seconds, and that of another minute's too."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    server = raw_server(answer)
    workspace = Workspace(tmp_path, hosted={"gemini": Gateway(server.url, "GATEWAY_KEY")}, timeout=300)
    error = STEP.replace(on_failure="continue").run(workspace=workspace).error
    assert (type(error), error.charge, len(server.requests)) == (kind, "none", requests)


@pytest.mark.parametrize(
    ("usage", "output", "inputs"),
    [
        (
            {
                "candidatesTokenCount": 1336, "thoughtsTokenCount": 143, "promptTokenCount": 9,
                "totalTokenCount": 1488,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
            },
            {"image": 1290, "unspecified": 46, "thoughts": 143},
            {"text": 9},
        ),
        (
            {
                "candidatesTokenCount": 1295, "promptTokenCount": 20, "toolUsePromptTokenCount": 5,
                "totalTokenCount": 1320,
                "candidatesTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 5}, {"modality": "IMAGE", "tokenCount": 1290}
                ],
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
            },
            {"text": 5, "image": 1290},
            {"text": 12, "unspecified": 8, "tool_use": 5},
        ),
        ({"promptTokenCount": 18, "candidatesTokenCount": 48, "totalTokenCount": 66},
         {"unspecified": 48}, {"text": 18}),
        ({}, {}, {}),
    ],
)  # fmt: skip
def test_the_tokens_add_up_to_the_total(usage, output, inputs):
    answer = ProviderResponse("gemini", 200, {}, json.dumps({"usageMetadata": usage}).encode())
    found = gemini_content.metadata(answer.json(), answer, "m").usage
    assert (found.output, found.input) == (output, inputs)
    assert sum(output.values()) + sum(inputs.values()) == (found.total or 0)
