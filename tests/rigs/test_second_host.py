"""Redirects, addresses out of the environment, missing keys: a second host waits, and counts what comes."""

from __future__ import annotations

import json

import pytest

from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, InvalidStep, MissingCredential
from rigs.figures import none_of, note

MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
PATHS = {"openai": "/openai/v1", "xai": "/xai/v1", "gemini": "/gemini"}
KEYS = {"openai": "OPENAI_API_KEY", "xai": "XAI_API_KEY", "gemini": "GEMINI_API_KEY"}
REDIRECTS = (300, 301, 302, 303, 305, 307, 308)
ADDRESSES = (
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "AZURE_OPENAI_ENDPOINT",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "GEMINI_BASE_URL",
    "XAI_BASE_URL",
    "XAI_API_HOST",
    "GEMINI_NEXT_GEN_API_BASE_URL",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
)
OTHERS = {
    "OPENAI_ORG_ID": "canary-org",
    "OPENAI_PROJECT_ID": "canary-project",
    "OPENAI_CUSTOM_HEADERS": "X-Canary: canary-header",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "GOOGLE_GENAI_USE_ENTERPRISE": "true",
    "GOOGLE_CLOUD_PROJECT": "canary-project",
    "GOOGLE_CLOUD_LOCATION": "canary-1",
}
rounds: list[str] = []
servers: list = []


@pytest.fixture(scope="module", autouse=True)
def total():
    yield
    there = sum(len(server.requests) for server in servers)
    note("second host", none_of(f"requests there in {len(rounds)} runs", there))


@pytest.fixture
def second(raw_server):
    """Answers whatever comes, and should hear nothing."""
    server = answering(raw_server)
    servers.append(server)
    return server


def answering(raw_server):
    return raw_server(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")


def run(provider: str, workspace: Workspace, **options):
    rounds.append(provider)
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox", on_failure="continue")
    return step.run(workspace=workspace, **options)


def through(emulator, provider: str, folder) -> Workspace:
    return Workspace(folder, hosted={provider: Gateway(emulator.url + PATHS[provider], "GATEWAY_KEY")})


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "where", ["{url}/", "//{host}/", "https://{host}/", "http://user:pass@{host}/", "/\\{host}"]
)
@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("provider", MODELS)
def test_no_redirect_is_followed(
    raw_server, second, tmp_path, monkeypatch, provider, status, where, streamed
):
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    location = where.format(url=second.url, host=second.url.removeprefix("http://"))
    head = f"HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nrefresh: 0;url={location}\r\n"
    first = raw_server(f"{head}content-length: 0\r\n\r\n".encode())
    workspace = Workspace(tmp_path, hosted={provider: Gateway(first.url, "GATEWAY_KEY")}, timeout=20)
    options = {"partial_images": 1} if streamed and provider == "openai" else {}
    error = run(provider, workspace, **options).error
    assert (error.status, error.charge) == (status, "none")
    assert (len(first.requests), second.requests) == (1, [])


@pytest.mark.parametrize("provider", MODELS)
def test_the_environment_moves_no_request(emulator, second, tmp_path, monkeypatch, provider):
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    for name in ADDRESSES:
        monkeypatch.setenv(name, second.url)
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    for name in (*KEYS.values(), "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, f"canary-{name}-0123456789")
    for streamed in (0, 1) if provider == "openai" else (0,):
        assert run(provider, through(emulator, provider, tmp_path), partial_images=streamed).status == "done"
    assert second.requests == []
    assert "canary" not in json.dumps([request.to_json() for request in emulator.requests])


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("provider", MODELS)
def test_no_single_variable_moves_a_live_call(second, tmp_path, monkeypatch, provider, name):
    """Where a call goes is looked at, and not tried: the providers' own hosts are not asked in tests."""
    monkeypatch.setenv(name, second.url)
    monkeypatch.setenv(KEYS[provider], "canary-key-0123456789")
    workspace = Workspace(tmp_path)
    entry = ImageGenerationStep(model=MODELS[provider], prompt="a fox").entry
    connection = workspace.connection(entry.provider, workspace.route(entry.provider, "hosted"))
    rounds.append(provider)
    assert connection.base_url == entry.provider.base_url
    assert connection.base_url.startswith("https://")


@pytest.mark.parametrize("provider", MODELS)
def test_a_missing_key_is_not_replaced_by_another(emulator, second, tmp_path, monkeypatch, provider):
    """An OpenAI client for another host would send OpenAI's key there."""
    for name in (*KEYS.values(), "GOOGLE_API_KEY", "OPENAI_ADMIN_KEY", "AZURE_OPENAI_API_KEY"):
        if name != KEYS[provider]:
            monkeypatch.setenv(name, f"canary-{name}-0123456789")
    for name in ADDRESSES:
        monkeypatch.setenv(name, second.url)
    for workspace in (Workspace(tmp_path), through(emulator, provider, tmp_path)):
        with pytest.raises(MissingCredential):
            run(provider, workspace)
    assert (emulator.count(), second.requests) == (0, [])


def test_no_file_says_where_a_key_goes():
    for name in ("base_url", "api_base", "endpoint", "host", "headers", "api_key", "proxy"):
        with pytest.raises(InvalidStep, match=r"unknown setting|not a setting of this step"):
            ImageGenerationStep(prompt="a fox", **{name: "http://evil.example"})


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/v1",
        "http://user:key@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "//x",
        "",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://2130706433/",
        "http://[::ffff:8.8.8.8]/",
        "https://",
        "https:// x/",
        "https://x\r\nhost: y/",
    ],
)
def test_a_gateway_is_https_or_this_machine(url):
    with pytest.raises(InvalidOption, match="not usable"):
        Gateway(url, "GATEWAY_KEY")


@pytest.mark.parametrize(
    "url", ["http://evil.example", "https://127.0.0.1", "http://127.0.0.1.evil.example", "live "]
)
def test_an_emulator_is_on_this_machine(tmp_path, url):
    with pytest.raises(InvalidOption):
        Workspace(tmp_path, backend=url)


ANSWERS = {
    "openai": {"data": [{"url": "@URL@"}]},
    "xai": {"data": [{"url": "@URL@", "b64_json": None}]},
    "gemini": {
        "candidates": [{"content": {"parts": [{"fileData": {"fileUri": "@URL@", "mimeType": "image/png"}}]}}]
    },
}


@pytest.mark.parametrize(
    "scheme", ["{url}/1.png", "file:///etc/passwd", "//{host}/1.png", "data:image/png;base64,AA=="]
)
@pytest.mark.parametrize("provider", MODELS)
def test_an_address_in_an_answer_is_never_asked(raw_server, second, tmp_path, monkeypatch, provider, scheme):
    """URLs are not fetched at all: base64 is asked for, and an address in its place is an error."""
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    url = scheme.format(url=second.url, host=second.url.removeprefix("http://"))
    body = json.dumps(ANSWERS[provider]).replace("@URL@", url).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    first = raw_server(head.encode() + body)
    found = run(provider, Workspace(tmp_path, hosted={provider: Gateway(first.url, "GATEWAY_KEY")}))
    assert (found.status, found.error.kind, found.error.charge) == ("failed", "invalid_response", "unknown")
    assert (len(first.requests), second.requests) == (1, [])


@pytest.mark.parametrize("kind", ["redirect", "auth"])
def test_the_second_host_would_have_been_counted(emulator, raw_server, tmp_path, monkeypatch, kind):
    """The rig sees a request when there is one."""
    second = answering(raw_server)
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    emulator.script("openai", Fault(kind))
    run("openai", through(emulator, "openai", tmp_path))
    run("openai", Workspace(tmp_path, hosted={"openai": Gateway(second.url, "GATEWAY_KEY")}))
    assert (emulator.count(), len(second.requests)) == (1, 1)
