"""Keys are planted everywhere a user has them; then everything that can be seen or kept is searched."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from PIL import Image
from rich.console import Console
from rich.traceback import Traceback

from imagegen_nb import Gateway, ImageGenerationStep, Run, StepFailed, Workspace, paths, save_step
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import SecretFound

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")

CANARIES = {
    "OPENAI_API_KEY": "sk-proj-CanaryOne0a1b2c3d4e5f6g7h8i9j",
    "XAI_API_KEY": "xai-CanaryTwo9j8i7h6g5f4e3d2c1b0a",
    "GEMINI_API_KEY": "AIza" + "SyCanaryThreeQwErTyUiOpAsDfGhJkLzXc",
    "GOOGLE_API_KEY": "AQ.CanaryFourMnBvCxZlKjHgFdSaPoIuYt",
    "ODD_KEY": "canary+five/shape=of~key:13579",
    "PLAIN_KEY": "thesixthcanaryisplain",
}
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-3.1-flash-image"}
PATHS = {"openai": "/openai/v1", "xai": "/xai/v1", "gemini": "/gemini"}
USED = {
    "openai": ("OPENAI_API_KEY", "ODD_KEY", "PLAIN_KEY"),
    "xai": ("XAI_API_KEY", "ODD_KEY", "PLAIN_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY", "ODD_KEY", "PLAIN_KEY"),
}
FAULTS = [
    Fault("ok"),
    Fault("quota"),
    Fault("auth"),
    Fault("echo_key"),
    Fault("permission"),
    Fault("server_error"),
    Fault("server_error", status=502, variant="html"),
    Fault("moderation"),
    Fault("drop"),
    Fault("cut"),
    Fault("hang"),
    Fault("html"),
    Fault("truncated_json"),
    Fault("json_list"),
    Fault("redirect", location="http://127.0.0.1:9/"),
    Fault("not_found"),
    Fault("bad_request"),
    Fault("empty"),
    Fault("text_only"),
    Fault("bad_base64"),
    Fault("wrong_bytes"),
    Fault("truncated_image"),
    Fault("wrong_type"),
    Fault("rate_limit"),  # the last one: after it nobody may ask for a while
]


def forms(secret: str) -> set[str]:
    """How a secret looks raw, URL-encoded, in hex, and in base64 wherever it starts."""
    raw = secret.encode()
    found = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        raw.hex(),
        json.dumps(secret)[1:-1],
    }
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw + b"\0\0").decode()
        found.add(encoded[4 : len(encoded) - 8])
    return found


ALL_FORMS = {form: name for name, secret in CANARIES.items() for form in forms(secret)}


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


def of_exception(error: BaseException) -> Iterator[str]:
    """Whatever people print, log, send or pickle of an exception."""
    yield str(error)
    yield repr(error)
    yield repr(error.__dict__)
    yield "".join(traceback.format_exception(error))
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def of_run(run: Run, folder: Path) -> Iterator[str]:
    yield repr(run)
    yield run._repr_html_()
    yield repr(run.output)
    yield run.output._repr_html_()
    yield run.output.model_dump_json()
    yield json.dumps(run.as_context())
    yield repr(run.warnings)
    yield repr(run.receipts)
    yield repr(run.shortfalls)
    yield repr(run.usage)
    yield repr(run.request_ids)
    yield str(run.answered_by)
    yield run.paid_by
    yield repr(paths(run.step, run))
    for short in run.shortfalls:
        yield from of_exception(short.error)
        yield pickle.dumps(short.error).decode("latin-1")
    try:
        yield save_step(folder / f"{run.id}.json", run.step, run=run).path.read_text()
    except SecretFound as refused:  # the last gate
        yield str(refused)


def attempt(step: ImageGenerationStep, workspace: Workspace, folder: Path, **options) -> Iterator[str]:
    """Everything one run leaves in memory."""
    events: list = []
    try:
        run = step.run(workspace=workspace, on_event=events.append, **options)
    except StepFailed as failed:
        run = failed.run
        yield from of_exception(failed)
        yield from of_exception(failed.error)
        yield pickle.dumps(failed.error).decode("latin-1")
    yield from of_run(run, folder)
    yield from map(repr, events)


def files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        yield str(path)
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


def hits(texts: Iterator[str]) -> list[str]:
    """Which canaries stand in `texts`, with what is around them."""
    found = []
    for text in texts:
        for form, name in ALL_FORMS.items():
            at = text.find(form)
            if at >= 0:
                found.append(f"{name} in …{' '.join(text[max(0, at - 150) : at].split())}<HERE>")
    return found


def workspace_on(url: str, provider: str, variable: str, folder: Path) -> Workspace:
    return Workspace(folder / "store", hosted={provider: Gateway(url, variable)}, timeout=30)


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
        attempts = 6 if fault.kind == "rate_limit" else 1
        emulator.script(provider, *[fault] * attempts)
        found += [f"{fault.kind}: {hit}" for hit in hits(attempt(step, workspace, tmp_path))]
    assert emulator.count() == len(FAULTS) + 5
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
    credential = workspace.credential(step.entry.provider, step.charge_type)
    connection = workspace.connection(step.entry.provider, credential)
    assert credential.key.get_secret_value() == CANARIES["ODD_KEY"]
    shown = [repr(thing) for thing in (workspace, credential, connection, workspace.hosted, step.entry)]
    assert hits(iter([*shown, str(credential), credential.paid_by])) == []


def test_a_callback_that_prints_a_key_in_its_failure_is_quoted_without_it(workspace):
    def leak(event) -> None:
        raise RuntimeError(f"the key is {os.environ['OPENAI_API_KEY']} or {os.environ['ODD_KEY']}")

    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace, on_event=leak)
    assert any("on_event raised RuntimeError" in warning for warning in run.warnings)
    assert hits(iter([repr(run), run._repr_html_()])) == []
