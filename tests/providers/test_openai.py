"""OpenAI: what leaves (and what must not), live previews, and answers nobody documents."""

from __future__ import annotations

import base64
import gc
import gzip
import io
import json
import time
import zlib
from dataclasses import replace
from types import AsyncGeneratorType
from typing import Any

import pytest
from PIL import Image

from imagegen_nb import AzureOpenAI, Gateway, ImageGenerationStep, StepFailed, Workspace, replay
from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    InvalidOption,
    InvalidResponse,
    ModerationBlocked,
    ProviderFault,
    ProviderTimeout,
    RateLimited,
)
from imagegen_nb.providers.credentials import PLACEHOLDER

KEY = "gateway-key-0123456789"
CANARY = "canary"
STEP = ImageGenerationStep(prompt="a fox", on_failure="continue")


@pytest.fixture
def through(tmp_path, monkeypatch):
    """A live workspace whose OpenAI calls go to a gateway at `url`."""
    monkeypatch.setenv("GATEWAY_KEY", KEY)

    def make(url: str, **options: Any) -> Workspace:
        return Workspace(tmp_path / "assets", hosted={"openai": Gateway(url, "GATEWAY_KEY")}, **options)

    return make


@pytest.fixture
def gateway(through, emulator):
    return through(f"{emulator.url}/openai/v1", timeout=30)


def test_nothing_in_the_environment_moves_or_marks_a_call(gateway, emulator, raw_server, monkeypatch):
    elsewhere = raw_server(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
    for name in ("ORG_ID", "PROJECT_ID", "API_KEY", "ADMIN_KEY", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", f"{CANARY}-{name}")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{elsewhere.url}/v1")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", f"X-Extra: {CANARY}\nAuthorization: Bearer {CANARY}\nAccept: {CANARY}"
    )
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    run = STEP.run(workspace=gateway)
    assert (run.status, run.backend, run.emulated) == ("done", "live", False)
    assert run.paid_by == "hosted: gateway 127.0.0.1 (GATEWAY_KEY)"
    assert elsewhere.requests == []
    (request,) = emulator.requests
    assert request.headers["authorization"] == fingerprint(f"Bearer {KEY}")
    assert CANARY not in json.dumps(request.to_json())
    assert "x-imagegen-nb-call" not in request.headers


def test_only_known_headers_leave(raw_server, through):
    server = raw_server(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
    assert STEP.run(workspace=through(f"{server.url}/v1")).status == "failed"
    (request,) = server.requests
    assert set(request.headers) == {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["host"] == server.url.removeprefix("http://")
    assert request.line == "POST /v1/images/generations HTTP/1.1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("previews", [0, 1])
def test_redirects_are_not_followed(gateway, emulator, raw_server, status, previews):
    elsewhere = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    emulator.script(
        "openai", Fault("redirect", status=status, location=f"{elsewhere.url}/v1/images/generations")
    )
    error = STEP.run(workspace=gateway, partial_images=previews).error
    assert (type(error), error.status, error.charge) == (ProviderFault, status, "none")
    assert elsewhere.requests == []
    assert emulator.count() == 1


def test_a_key_the_gateway_refuses(gateway, emulator, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "invalid-key-0123456789")
    error = STEP.run(workspace=gateway).error
    assert (type(error), error.code) == (AuthenticationFailed, "invalid_api_key")
    assert emulator.requests[0].headers["authorization"] == fingerprint("Bearer invalid-key-0123456789")


# --- live previews


@pytest.mark.parametrize("count", [1, 2, 3])
def test_previews_come_as_events_before_the_image(workspace, emulator, count):
    events = []
    run = STEP.run(workspace=workspace, partial_images=count, on_event=events.append)
    assert (run.status, run.returned) == ("done", 1)
    assert [event.kind for event in events] == ["queued", "started", *["partial"] * count, "image", "done"]
    previews = [event for event in events if event.kind == "partial"]
    assert [event.index for event in previews] == list(range(count))
    for event in previews:
        assert Image.open(io.BytesIO(event.data)).size == (1024, 1024)
    assert len(list(workspace.records(run.id))) == 1
    (request,) = emulator.requests
    assert (request.body["stream"], request.body["partial_images"]) == (True, count)


def test_a_streamed_run_tells_what_any_other_tells(workspace):
    plain = STEP.run(workspace=workspace)
    streamed = STEP.run(workspace=workspace, partial_images=2)
    assert streamed.output.settings == plain.output.settings
    assert streamed.answered_by == plain.answered_by
    assert streamed.request_ids[0].startswith("req_emulated_")
    assert streamed.output.assets[0].stored.sha256 == plain.output.assets[0].stored.sha256
    assert streamed.usage.total == plain.usage.total + 200
    assert sum(streamed.usage.output.values()) == 7024 + 200


async def test_previews_with_arun(workspace):
    events = []
    await STEP.arun(workspace=workspace, partial_images=1, on_event=lambda event: events.append(event.kind))
    assert events == ["queued", "started", "partial", "image", "done"]


def test_without_previews_nothing_is_streamed(workspace, emulator):
    STEP.run(workspace=workspace)
    assert not {"stream", "partial_images"} & set(emulator.requests[0].body)


STREAM_FAULTS = [
    # fault, previews seen, error, status, charge
    (Fault("stream_error"), 1, ProviderFault, 200, "unknown"),
    (Fault("stream_error", code="moderation_blocked"), 1, ModerationBlocked, 200, "unknown"),
    (Fault("stream_cut"), 1, ProviderFault, None, "unknown"),
    (Fault("cut"), None, ProviderFault, None, "unknown"),
    (Fault("drop"), 0, ProviderFault, None, "unknown"),
    (Fault("hang"), 0, ProviderTimeout, None, "unknown"),
    (Fault("drip", seconds=0.05), 0, ProviderTimeout, None, "unknown"),
    (Fault("text_only"), 0, InvalidResponse, 200, "unknown"),
    (Fault("fewer", images=0), 0, InvalidResponse, 200, "unknown"),
    (Fault("bad_base64"), 0, InvalidResponse, 200, "unknown"),
    (Fault("html"), 0, InvalidResponse, 200, "unknown"),
    (Fault("json_list"), 0, InvalidResponse, 200, "unknown"),
    (Fault("moderation"), 0, ModerationBlocked, 400, "none"),
    (Fault("rate_limit", retry_after="100"), 0, RateLimited, 429, "none"),
    (Fault("server_error", status=503), 0, ProviderFault, 503, "unknown"),
    (Fault("echo_key"), 0, AuthenticationFailed, 401, "none"),
]


@pytest.mark.parametrize(
    ("fault", "previews", "kind", "status", "charge"),
    STREAM_FAULTS,
    ids=[row[0].kind for row in STREAM_FAULTS],
)
@pytest.mark.parametrize("policy", ["terminate", "continue"])
def test_stream_faults(gateway, emulator, fault, previews, kind, status, charge, policy):
    gateway.timeout = 0.8 if kind is ProviderTimeout else 30
    emulator.script("openai", fault)
    events = []
    step = STEP.replace(on_failure=policy)
    try:
        error = step.run(workspace=gateway, partial_images=2, on_event=events.append).error
        assert policy == "continue"
    except StepFailed as failed:
        error = failed.error
        assert policy == "terminate"
    assert type(error) is kind, error
    assert (error.status, error.charge) == (status, charge)
    assert error.__context__ is error.__cause__ is None
    assert KEY not in str(error)
    assert emulator.count() == 1
    seen = [event.kind for event in events].count("partial")
    assert seen == previews if previews is not None else seen < 2
    assert events[-1].kind == "failed"
    assert list(gateway.records()) == []


@pytest.mark.parametrize(
    "fault", ["stream_error", "stream_cut", "bad_base64", "wrong_bytes", "cut", "hang", "drip"]
)
def test_a_stream_that_is_left_leaves_nothing_suspended(gateway, emulator, fault):
    """Else the garbage collector would unwind it one day, in the midst of another run."""
    gateway.timeout = 0.8 if fault in ("hang", "drip") else 30
    emulator.script("openai", Fault(fault, seconds=0.05))
    before = {id(each) for each in suspended()}
    gc.disable()
    try:
        assert STEP.run(workspace=gateway, partial_images=2).error is not None
        time.sleep(0.1)  # the loop closes them after the run
        left = [each.__qualname__ for each in suspended() if id(each) not in before]
    finally:
        gc.enable()
    assert left == []


def suspended() -> list[AsyncGeneratorType[Any, Any]]:
    found = [each for each in gc.get_objects() if isinstance(each, AsyncGeneratorType)]
    return [each for each in found if each.ag_frame is not None]


def test_a_key_in_a_streamed_error_is_hidden(gateway, emulator):
    emulator.script("openai", Fault("stream_error", message=f"Bad key {KEY}."))
    error = STEP.run(workspace=gateway, partial_images=1).error
    assert "Bad key [redacted]." in str(error)


def test_a_slow_stream_is_cut_at_the_deadline(gateway, emulator):
    for slowness in (1, 4, 16):  # a busy machine may show no preview before the deadline
        gateway.timeout, emulator.latency = 1.5 * slowness, 4.0 * slowness
        emulator.clear()
        events = []
        run = STEP.run(workspace=gateway, partial_images=3, on_event=events.append)
        if "partial" in [event.kind for event in events]:
            break
    assert (type(run.error), run.error.charge) == (ProviderTimeout, "unknown")
    assert "partial" in [event.kind for event in events]
    assert "image" not in [event.kind for event in events]
    assert emulator.count() == 1


class SmallWorkspace(Workspace):
    def connection(self, provider, route):
        return replace(super().connection(provider, route), largest_response=100_000)


@pytest.mark.parametrize("squeezed", [False, True], ids=["plain", "gzip-bomb"])
def test_an_endless_stream_is_cut_at_the_byte_cap(raw_server, tmp_path, monkeypatch, squeezed):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    event = b"event: image_generation.partial_image\ndata: " + b"A" * 4_000_000

    def answer(write, over) -> None:
        if squeezed:
            write(head + b"content-encoding: gzip\r\n\r\n" + gzip.compress(event))
        else:
            write(head + b"\r\n" + event)

    monkeypatch.setenv("GATEWAY_KEY", KEY)
    gateway = Gateway(raw_server(answer).url, "GATEWAY_KEY")
    workspace = SmallWorkspace(tmp_path, hosted={"openai": gateway}, timeout=30)
    error = STEP.run(workspace=workspace, partial_images=1).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")
    assert "larger than 100,000 bytes" in str(error) or "encoding" in str(error)


# --- answers nobody documents


def http(body: bytes | Any, status: str = "200 OK", **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def pixel() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "blue").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


GOOD = {"b64_json": pixel()}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b'"text"',
        b"42",
        b"{",
        b'{"data": NaN}',
        b"\xff\xfe{}",
        {},
        {"data": {}},
        {"data": "images"},
        {"data": [None]},
        {"data": ["text"]},
        {"data": [[]]},
        {"data": [{"b64_json": None}]},
        {"data": [{"b64_json": 42}]},
        {"data": [{"b64_json": ""}]},
        {"data": [{"b64_json": {"a": 1}}]},
        {"data": [{"url": "http://127.0.0.1:9/picture.png"}]},
        {"data": [{"b64_json": base64.b64encode(b"GIF89a" + b"\0" * 50).decode()}]},
        {"error": {"message": "with status 200"}},
        b"[" * 5000,
        b'{"data":' * 3000,
    ],
    ids=lambda value: str(value)[:40],
)
def test_useless_answers(raw_server, through, answer):
    server = raw_server(http(answer))
    error = STEP.run(workspace=through(server.url)).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "extra",
    [
        {"usage": None},
        {"usage": "many"},
        {"usage": {"input_tokens": "7", "output_tokens": -1, "total_tokens": True}},
        {"usage": {"output_tokens_details": [1], "input_tokens_details": {"text_tokens": 1.5}}},
        {"usage": {"total_tokens": 10**30}},
        {"size": 1024, "quality": None, "background": ["x"], "output_format": 7},
        {"created": "yesterday"},
        {"new_key": {"deep": [1, {"er": None}]}},
    ],
    ids=str,
)
def test_odd_company_does_not_cost_the_image(raw_server, through, extra):
    run = STEP.run(workspace=through(raw_server(http({"data": [GOOD], **extra})).url))
    assert (run.status, run.returned) == ("done", 1)
    assert run.request_ids == ()
    json.dumps(run.usage.as_dict())


def test_a_gzip_bomb_is_cut_at_the_byte_cap(raw_server, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", KEY)
    bomb = gzip.compress(b'{"data": [{"b64_json": "' + b"A" * 30_000_000 + b'"}]}')
    assert len(bomb) < 100_000
    server = raw_server(http(bomb, content_encoding="gzip"))
    workspace = SmallWorkspace(tmp_path, hosted={"openai": Gateway(server.url, "GATEWAY_KEY")})
    error = STEP.run(workspace=workspace).error
    assert (type(error), error.status, error.charge) == (InvalidResponse, 200, "unknown")
    assert "larger than 100,000 bytes" in str(error)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br"])
def test_other_encodings_are_refused(raw_server, through, encoding):
    server = raw_server(http(b"\x8b\x04\x80 packed in some way", content_encoding=encoding))
    error = STEP.run(workspace=through(server.url)).error
    assert type(error) is InvalidResponse
    assert repr(encoding) in str(error)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "x-gzip", "deflate"])
def test_known_encodings_are_read_though_not_asked_for(raw_server, through, encoding):
    body = json.dumps({"data": [GOOD]}).encode()
    squeezed = {"identity": body, "deflate": zlib.compress(body)}.get(encoding, gzip.compress(body))
    run = STEP.run(workspace=through(raw_server(http(squeezed, content_encoding=encoding)).url))
    assert run.status == "done"


def test_broken_gzip_is_no_answer(raw_server, through):
    server = raw_server(http(b"\x1f\x8b\x08 not really", content_encoding="gzip"))
    assert type(STEP.run(workspace=through(server.url)).error) is InvalidResponse


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "206 Partial Content"])
def test_another_success_status_may_have_cost_money(raw_server, through, status):
    """It is not what OpenAI documents, and no refusal either."""
    error = STEP.run(workspace=through(raw_server(http({"id": "job-1"}, status)).url)).error
    assert (type(error), error.status, error.charge) == (InvalidResponse, int(status[:3]), "unknown")


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("status", ["400 Bad", "404 Gone", "418 Teapot", "429 Slow", "500 Oops", "599 What"])
@pytest.mark.parametrize(
    "body", [b"", b"plain text", b"<html>", [], {"error": "text"}, {"error": {"message": 7}}]
)
def test_an_error_answer_may_be_anything(raw_server, through, status, body):
    error = STEP.run(workspace=through(raw_server(http(body, status)).url)).error
    assert error.status == int(status[:3])
    assert error.message
    assert error.charge == ("unknown" if error.status >= 500 else "none")


# --- Azure's classic deployments

AZURE_KEY = "azure-key-0123456789abcdef"
DEPLOYMENTS = {"gpt-image-2": "team-images"}


@pytest.fixture
def azure(tmp_path, monkeypatch):
    """A live workspace whose OpenAI calls go to an Azure resource at `url`."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", AZURE_KEY)

    def make(url: str, **options: Any) -> Workspace:
        account = AzureOpenAI(url, "2025-04-01-preview", DEPLOYMENTS)
        return Workspace(tmp_path / "assets", hosted={"openai": account}, timeout=30, **options)

    return make


def test_azure_is_asked_at_its_own_path_with_its_own_header(raw_server, azure, monkeypatch):
    for name in ("API_KEY", "AD_TOKEN", "ENDPOINT"):
        monkeypatch.setenv(f"AZURE_OPENAI_{name}_OTHER", CANARY)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", CANARY)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_API_VERSION", "1999-01-01")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"API-Key: {CANARY}\nAuthorization: Bearer {CANARY}")
    server = raw_server(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
    run = STEP.run(workspace=azure(server.url))
    (request,) = server.requests
    path = "/openai/deployments/team-images/images/generations?api-version=2025-04-01-preview"
    assert request.line == f"POST {path} HTTP/1.1"
    assert request.headers["api-key"] == AZURE_KEY
    assert "authorization" not in request.headers
    assert CANARY not in str(request.headers)
    assert json.loads(request.body)["model"] == "gpt-image-2"
    assert run.paid_by == "hosted: Azure OpenAI 127.0.0.1 (AZURE_OPENAI_API_KEY)"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            403,
            {"error": {"code": "403", "message": "Access denied due to Virtual Network/Firewall rules."}},
            "provider_fault",
        ),
        (
            429,
            {
                "statusCode": 429,
                "message": "Out of call volume quota. Quota will be replenished in 1.00:00:00.",
            },
            "quota",
        ),
        (
            410,
            {"error": {"code": "ModelDeprecated", "message": "The model is deprecated."}},
            "model_retired",
        ),
    ],
)
def test_azures_own_words_go_before_the_status(raw_server, azure, status, body, kind):
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    server = raw_server(head.encode() + data)
    error = STEP.run(workspace=azure(server.url)).error
    assert (error.kind, error.charge, len(server.requests)) == (kind, "none", 1)


def test_azure_is_asked_as_the_sdks_own_client_for_it_asks(raw_server, azure):
    import openai

    server = raw_server(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
    STEP.run(workspace=azure(server.url))
    options = {"azure_endpoint": server.url, "api_version": "2025-04-01-preview", "api_key": AZURE_KEY}
    client = openai.AzureOpenAI(**options, azure_deployment="team-images", max_retries=0)
    with client, pytest.raises(openai.InternalServerError):
        client.images.generate(model="gpt-image-2", prompt="a fox", n=1)
    ours, theirs = server.requests
    assert (ours.line, ours.headers["api-key"]) == (theirs.line, theirs.headers["api-key"])
    assert json.loads(ours.body) == json.loads(theirs.body)


@pytest.mark.parametrize("partial_images", [0, 1])
def test_azures_images_come(emulator, azure, partial_images):
    run = STEP.run(workspace=azure(f"{emulator.url}/openai/openai"), partial_images=partial_images)
    assert (run.error, run.status, run.backend) == (None, "done", "live")
    assert emulator.requests[0].headers["api-key"] == fingerprint(AZURE_KEY)


def test_an_azure_account_on_the_emulator(emulator, tmp_path):
    hosted = {"openai": AzureOpenAI("https://res.openai.azure.com", "2025-04-01-preview")}
    run = STEP.run(workspace=Workspace(tmp_path, backend=emulator.url, hosted=hosted, timeout=30))
    assert run.status == "done"
    assert emulator.requests[0].path == "/openai/openai/deployments/gpt-image-2/images/generations"
    assert emulator.requests[0].headers["api-key"] == fingerprint(PLACEHOLDER)


def test_azure_recorded_and_replayed(emulator, azure, tmp_path, monkeypatch):
    """A cassette shows the address with its version, and no key."""
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(tmp_path / "cassettes"))
    workspace = azure(f"{emulator.url}/openai/openai")
    with replay.use("azure", "all"):
        recorded = STEP.run(workspace=workspace)
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    with replay.use("azure"):
        replayed = STEP.run(workspace=workspace)
    assert (recorded.error, replayed.error, replayed.replayed) == (None, None, True)
    assert [asset.bytes() for asset in replayed.output.assets] == [
        asset.bytes() for asset in recorded.output.assets
    ]
    assert emulator.count() == 1
    text = next((tmp_path / "cassettes").rglob("cassette.yaml")).read_text()
    assert "/deployments/team-images/images/generations?api-version=2025-04-01-preview" in text
    assert "azure-key" not in text


def test_azures_key_is_taken_out_of_what_it_answers(raw_server, azure, caplog):
    caplog.set_level("DEBUG")
    body = json.dumps({"error": {"code": "401", "message": f"Bad key {AZURE_KEY}."}}).encode()
    for header in ("server: mine", f"x-request-id: {AZURE_KEY}"):
        head = f"HTTP/1.1 401 No\r\n{header}\r\ncontent-length: {len(body)}\r\n\r\n"
        error = STEP.run(workspace=azure(raw_server(head.encode() + body).url)).error
        assert (type(error), error.message) == (AuthenticationFailed, "Bad key [redacted].")
        assert error.request_id in (None, "[redacted]")
        if "server" in header:
            assert AZURE_KEY not in caplog.text


@pytest.mark.parametrize(
    ("status", "error", "kind", "says"),
    [
        (404, {"code": "404", "message": "Resource not found"}, BadRequest, "api_version"),
        (
            404,
            {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."},
            BadRequest,
            "deployments={model: name}",
        ),
        (400, {"code": "contentFilter", "message": "Filtered."}, ModerationBlocked, "Filtered."),
    ],
)
def test_azures_own_errors(raw_server, azure, status, error, kind, says):
    body = json.dumps({"error": error}).encode()
    server = raw_server(b"HTTP/1.1 %d No\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))
    told = STEP.run(workspace=azure(server.url)).error
    assert (type(told), told.charge) == (kind, "none")
    assert error["message"].rstrip(".") in str(told)
    assert says in str(told)


def test_azure_is_an_account_for_openai_only(tmp_path):
    with pytest.raises(InvalidOption, match="use Gateway"):
        Workspace(tmp_path, hosted={"xai": AzureOpenAI("https://res.openai.azure.com", "1")})
