"""Keys are planted everywhere a user has them; then everything that can be seen or kept is searched."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
from urllib.parse import quote

import pytest
from PIL import Image
from rich.console import Console
from rich.traceback import Traceback
from support.secrets import (
    ALL_FORMS,
    CANARIES,
    FAULTS,
    MODELS,
    PATHS,
    USED,
    attempt,
    files_below,
    hits,
    script,
    workspace_on,
)

from imagegen_nb import AzureOpenAI, Gateway, ImageGenerationStep, StepFailed, Workspace
from imagegen_nb.emulator import Fault

pytestmark = [pytest.mark.rigs, pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")]


@pytest.fixture(autouse=True)
def planted(monkeypatch) -> None:
    for name, secret in CANARIES.items():
        monkeypatch.setenv(name, secret)


def test_the_search_would_find_them():
    for name, secret in CANARIES.items():
        for shift in range(3):
            hidden = base64.b64encode(b"x" * shift + secret.encode() + b"more").decode()
            assert {found for form, found in ALL_FORMS.items() if form in hidden} == {name}
        assert any(form in f"key={quote(secret)}" for form in ALL_FORMS)


@pytest.mark.parametrize(
    ("provider", "variable"), [(provider, variable) for provider, names in USED.items() for variable in names]
)
@pytest.mark.usefixtures("waits")
def test_no_fault_brings_a_key_out(emulator, tmp_path, caplog, capfd, provider, variable):
    caplog.set_level(logging.DEBUG)
    workspace = workspace_on(emulator.url + PATHS[provider], provider, variable, tmp_path)
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox")
    found = []
    for fault in FAULTS:
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        script(emulator, provider, fault)
        found += [f"{fault.kind}: {hit}" for hit in hits(attempt(step, workspace, tmp_path))]
    assert emulator.count() == len(FAULTS) + 5
    found += hits(record.getMessage() for record in caplog.records)
    found += hits(iter(capfd.readouterr()))
    found += hits(files_below(tmp_path))
    found += hits(json.dumps(request.to_json()) for request in emulator.requests)
    assert not found, "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("variable", ["ODD_KEY", "PLAIN_KEY"])
@pytest.mark.usefixtures("waits")
def test_no_fault_brings_azures_key_out(emulator, tmp_path, caplog, capfd, variable):
    """It travels in a header of its own."""
    caplog.set_level(logging.DEBUG)
    account = AzureOpenAI(f"{emulator.url}/openai/openai", "2025-04-01-preview", key_variable=variable)
    workspace = Workspace(tmp_path / "store", hosted={"openai": account}, timeout=30)
    found = []
    for fault in FAULTS:
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        script(emulator, "openai", fault)
        step = ImageGenerationStep(prompt="a fox")
        found += [f"{fault.kind}: {hit}" for hit in hits(attempt(step, workspace, tmp_path))]
    assert emulator.count() == len(FAULTS) + 5
    assert all("api-key" in request.headers for request in emulator.requests)
    found += hits(record.getMessage() for record in caplog.records)
    found += hits(iter(capfd.readouterr()))
    found += hits(files_below(tmp_path))
    found += hits(json.dumps(request.to_json()) for request in emulator.requests)
    assert not found, "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("fault", ["echo_key", "hang", "truncated_json"])
def test_rich_tracebacks_with_locals_show_no_key(emulator, tmp_path, provider, fault):
    workspace = workspace_on(emulator.url + PATHS[provider], provider, "ODD_KEY", tmp_path)
    workspace.timeout = 0.3 if fault == "hang" else 30
    emulator.script(provider, Fault(fault))
    with pytest.raises(StepFailed) as caught:
        ImageGenerationStep(model=MODELS[provider], prompt="a fox").run(workspace=workspace)
    found = []
    for error in (caught.value, caught.value.error):
        console = Console(file=io.StringIO(), width=400)
        trace = Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=None
        )
        console.print(trace)
        found += hits(iter([console.file.getvalue()]))
    assert not found, "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("fault", ["stream_error", "stream_cut", "echo_key", "hang", "bad_base64"])
@pytest.mark.parametrize("variable", USED["openai"])
def test_no_streamed_fault_brings_a_key_out(emulator, tmp_path, caplog, fault, variable):
    caplog.set_level(logging.DEBUG)
    workspace = workspace_on(emulator.url + PATHS["openai"], "openai", variable, tmp_path)
    workspace.timeout = 0.3 if fault == "hang" else 30
    message = f"The key was {os.environ[variable]}." if fault == "stream_error" else None
    emulator.script("openai", Fault(fault, message=message))
    del message
    found = hits(attempt(ImageGenerationStep(prompt="a fox"), workspace, tmp_path, partial_images=1))
    found += hits(record.getMessage() for record in caplog.records)
    found += hits(files_below(tmp_path))
    assert not found, "\n".join(dict.fromkeys(found))


# --- a server that repeats the key wherever it may say something


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "blue").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


IMAGE = picture()
K = "@KEY@"
ECHOES = {
    "openai": {
        "error": (400, {"error": {"message": f"m {K}", "type": K, "code": K, "param": K}}),
        "moderation": (
            400,
            {
                "error": {
                    "message": K,
                    "code": "moderation_blocked",
                    "moderation_details": {"categories": [K]},
                }
            },
        ),
        "plain text": (400, K),
        "settings": (200, {"data": [{"b64_json": IMAGE}], "size": K, "quality": K, "output_format": K}),
        "usage": (200, {"data": [{"b64_json": IMAGE}], "usage": {K: K, "input_tokens_details": {K: 1}}}),
    },
    "xai": {
        "error": (400, {"code": K, "error": f"m {K}"}),
        "moderation": (400, {"code": f"imagine:content-moderated {K}", "error": K, "usage": {K: K}}),
        "plain text": (422, K),
        "model": (200, {"data": [{"b64_json": IMAGE, "mime_type": K}], "model": K, "usage": {K: K}}),
    },
    "gemini": {
        "error": (400, {"error": {"message": f"m {K}", "status": K, "details": [{"@type": K, "reason": K}]}}),
        "text": (200, {"candidates": [{"content": {"parts": [{"text": f"words {K}"}]}, "finishReason": K}]}),
        "block": (200, {"promptFeedback": {"blockReason": K, "blockReasonMessage": f"because {K}"}}),
        "finish": (200, {"candidates": [{"finishReason": "SAFETY", "finishMessage": f"because {K}"}]}),
        "model": (
            200,
            {
                "candidates": [{"content": {"parts": [{"inlineData": {"data": IMAGE, "mimeType": K}}]}}],
                "modelVersion": K,
                "responseId": K,
                "usageMetadata": {K: K, "promptTokensDetails": [{"modality": K, "tokenCount": 1}]},
            },
        ),
    },
}


@pytest.mark.parametrize(
    ("provider", "what", "variable"),
    [
        (provider, what, variable)
        for provider, answers in ECHOES.items()
        for what in answers
        for variable in (USED[provider][0], "ODD_KEY")
    ],
)
def test_a_server_that_repeats_the_key(raw_server, tmp_path, caplog, provider, what, variable):
    caplog.set_level(logging.DEBUG)
    status, answer = ECHOES[provider][what]
    text = answer if isinstance(answer, str) else json.dumps(answer)
    body = text.replace(K, CANARIES[variable]).encode()
    head = f"HTTP/1.1 {status} Echo\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    url = raw_server(f"{head}\r\n".encode() + body).url
    workspace = workspace_on(url, provider, variable, tmp_path)
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox")
    found = hits(attempt(step, workspace, tmp_path))
    found += hits(files_below(tmp_path))
    assert not found, "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("status", [200, 307, 400, 500])
def test_a_server_that_repeats_the_key_in_its_headers(raw_server, tmp_path, provider, status):
    secret = CANARIES["ODD_KEY"]
    names = ("x-request-id", "location", "content-type", "retry-after", "set-cookie", "server", "x-other")
    lines = "".join(f"{name}: {secret}\r\n" for name in names)
    url = raw_server(f"HTTP/1.1 {status} {secret}\r\n{lines}content-length: 2\r\n\r\n{{}}".encode()).url
    workspace = workspace_on(url, provider, "ODD_KEY", tmp_path)
    del secret, lines
    found = hits(attempt(ImageGenerationStep(model=MODELS[provider], prompt="a fox"), workspace, tmp_path))
    found += hits(files_below(tmp_path))
    assert not found, "\n".join(dict.fromkeys(found))


# --- places without any call


@pytest.mark.parametrize("provider", MODELS)
def test_objects_that_know_where_keys_are_do_not_show_them(tmp_path, provider):
    workspace = Workspace(tmp_path, hosted={provider: Gateway("https://gateway.example/v1", "ODD_KEY")})
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox")
    route = workspace.route(step.entry.provider, step.charge_type)
    connection = workspace.connection(step.entry.provider, route)
    credential = route.credential
    assert credential.key.get_secret_value() == CANARIES["ODD_KEY"]
    shown = [
        repr(thing) for thing in (workspace, route, credential, connection, workspace.hosted, step.entry)
    ]
    assert hits(iter([*shown, str(credential), credential.paid_by])) == []


def test_a_callback_that_prints_a_key_in_its_failure_is_quoted_without_it(workspace):
    def leak(event) -> None:
        raise RuntimeError(f"the key is {os.environ['OPENAI_API_KEY']} or {os.environ['ODD_KEY']}")

    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace, on_event=leak)
    assert any("on_event raised RuntimeError" in warning for warning in run.warnings)
    assert hits(iter([repr(run), run._repr_html_()])) == []
