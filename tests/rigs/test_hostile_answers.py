"""Whatever a provider or a file says is shown, and only shown: in answers, and in what commands print."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import invoked
from support.images import picture
from support.runs import run_of

from imagegen_nb import Gateway, ImageGenerationStep, Run, Workspace, replay, save_step
from imagegen_nb.cli import console
from imagegen_nb.cli.run_output import print_summary
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.types import MissingImages
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import ProviderFault
from rigs.corpora import SCRIPTS

MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
HOSTILE = [*SCRIPTS[-6:], "\x1b]0;owned\x07\x9b2J\u202e", "9" * 5_000, "\u0661\u0662.5", "x" * 100_000]
IMAGE = base64.b64encode(picture()).decode()
W = "@WORDS@"
pytestmark = [
    pytest.mark.usefixtures("waits"),
    pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning"),
]
ANSWERS = {
    "openai": [
        (400, {"error": {"message": W, "type": W, "code": W, "param": W}}),
        (400, {"error": {"message": W, "code": ["a"], "type": {"a": 1}}}),
        (
            400,
            {
                "error": {
                    "code": "moderation_blocked",
                    "message": W,
                    "moderation_details": {"categories": [W]},
                }
            },
        ),
        (
            200,
            {
                "data": [{"b64_json": IMAGE, "revised_prompt": W}],
                "size": W,
                "quality": W,
                "background": W,
                "output_format": W,
                "usage": {W: W, "total_tokens": W, "input_tokens_details": {W: W}},
            },
        ),
        (200, {"data": [{"b64_json": W}]}),
    ],
    "xai": [
        (400, {"code": W, "error": W}),
        (400, {"code": f"imagine:content-moderated {W}", "error": W, "usage": {W: W}}),
        (
            200,
            {"data": [{"b64_json": IMAGE, "mime_type": W, "revised_prompt": W}], "model": W, "usage": {W: W}},
        ),
    ],
    "gemini": [
        (
            429,
            {
                "error": {
                    "message": W,
                    "status": W,
                    "details": [{"@type": W, "reason": W, "retryDelay": f"{W}s"}],
                }
            },
        ),
        (200, {"promptFeedback": {"blockReason": W, "blockReasonMessage": W}}),
        (200, {"promptFeedback": {"blockReason": ["a"]}}),
        (200, {"candidates": [{"finishReason": W, "finishMessage": W, "content": {"parts": [{"text": W}]}}]}),
        (
            200,
            {
                "candidates": [{"content": {"parts": [{"inlineData": {"data": IMAGE, "mimeType": W}}]}}],
                "modelVersion": W,
                "responseId": W,
                "usageMetadata": {W: W, "promptTokensDetails": [{"modality": W, "tokenCount": 1}]},
            },
        ),
    ],
}


def shown(run: Run) -> str:
    told = [run, run.output, run.error, *run.warnings, *run.request_ids, run.answered_by, run.paid_by]
    told += [text for receipt in run.receipts for text in (receipt.echoed, *(receipt.echoed or {}).values())]
    told += [*(run.usage.input or {}), *(run.usage.output or {})]
    if run.error is not None:
        told += [run.error.code, run.error.request_id, run.error.message]
    return " ".join(map(str, told))


for answers in ANSWERS.values():
    answers.append((307, {}))  # refused by the transport, which reads the request's id itself


@pytest.mark.parametrize(
    ("provider", "number"),
    [(name, number) for name, answers in ANSWERS.items() for number in range(len(answers))],
)
def test_what_a_provider_says_is_short_and_commands_nothing(
    raw_server, tmp_path, monkeypatch, provider, number
):
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    status, answer = ANSWERS[provider][number]
    for words in HOSTILE:
        body = json.dumps(answer).replace(W, json.dumps(words)[1:-1]).encode()
        clean = (
            words.encode("ascii", "ignore")[:2_000]
            .replace(b"\r", b"")
            .replace(b"\n", b"")
            .replace(b"\0", b"")
        )
        lines = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nx-request-id: "
        head = f"HTTP/1.1 {status} x\r\n{lines}"
        server = raw_server(head.encode() + clean.strip() + b"\r\n\r\n" + body)
        workspace = Workspace(tmp_path, hosted={provider: Gateway(server.url, "GATEWAY_KEY")}, timeout=20)
        run = ImageGenerationStep(model=MODELS[provider], prompt="a fox", on_failure="continue").run(
            workspace=workspace
        )
        if status == 400:  # not what is made of an exception nobody expected
            assert run.error.kind in ("bad_request", "moderation")
        text = shown(run)
        assert visible(text) == text[:20_000]
        assert run._repr_html_().count("<script") == 0


@pytest.mark.parametrize(
    "delay", ["1.5.2s", "\u0661s", "9" * 400 + "s", "-1s", "nans", "1e9s", "s", "", None]
)
def test_no_delay_is_taken_for_a_number_that_is_none(raw_server, tmp_path, monkeypatch, delay):
    monkeypatch.setenv("GATEWAY_KEY", "canary-key-0123456789")
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    body = json.dumps({"error": {"status": "RESOURCE_EXHAUSTED", "details": details}}).encode()
    server = raw_server(f"HTTP/1.1 429 x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    workspace = Workspace(tmp_path, hosted={"gemini": Gateway(server.url, "GATEWAY_KEY")})
    step = ImageGenerationStep(model=MODELS["gemini"], prompt="a fox", on_failure="continue")
    error = step.run(workspace=workspace).error
    assert (error.kind, error.retry_after) == ("rate_limit", None)


COMMANDS = "\x1b]0;owned\x07\x9b2J\u202e[red]x[/red][/]"
ASSET = {"id": "a", "file_url": COMMANDS, "file_name": COMMANDS, "file_size": 1, "file_type": COMMANDS}
DOCUMENTS = {
    "prompt": {"prompt": COMMANDS, "name": COMMANDS},
    "malformed": {"prompt": f"{{{{{COMMANDS}}}}}"},
    "model": {"prompt": "x", "model": COMMANDS},
    "unknown": {"prompt": "x", COMMANDS: COMMANDS},
    "inputs": {"prompt": "a {{b}}", "inputs": {"b": COMMANDS, COMMANDS: COMMANDS}},
    "output": {"prompt": "x", "output": {"settings": {"model": COMMANDS}, "assets": [ASSET]}},
    "notes": {"prompt": "x", "provenance": {"notes": [COMMANDS], "status": COMMANDS, "paid_by": COMMANDS}},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_file_commands_the_terminal(name, emulator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flat = DOCUMENTS[name]
    whole = {
        "format": "imagegen-nb/step",
        "version": 2,
        "step": {k: v for k, v in flat.items() if k in ("prompt", "name", "model", COMMANDS)},
    }
    whole |= {key: value for key, value in flat.items() if key not in whole["step"]}
    Path("x.step.json").write_text(json.dumps(whole))
    for words in (
        ("validate", "x.step.json"),
        ("paths", "x.step.json"),
        ("migrate", "x.step.json"),
        ("run", "x.step.json", "--backend", emulator.url),
        (
            "run",
            "x.step.json",
            "--backend",
            emulator.url,
            "--step",
            "b=x.step.json",
            "--export",
            "y.step.json",
        ),
        ("run", f"{COMMANDS}.json"),
    ):
        for more in ((), ("--json",)):
            said = "".join(invoked(*words, *more))
            # An unescaped [red] would be gone from the text, and a lone [/] a foreign error.
            assert "MarkupError" not in said
            assert visible(said) == said, ascii(said)


@pytest.mark.parametrize("count", [1, 2])
def test_no_error_of_a_provider_is_markup(emulator, tmp_path, monkeypatch, count):
    """All failed, or one image is missing; `[/]` alone would be an error of the console's."""
    monkeypatch.chdir(tmp_path)
    emulator.script("gemini", Fault("bad_request", message=COMMANDS))
    step = ImageGenerationStep(
        model=MODELS["gemini"], prompt="a fox", image_count=count, on_failure="continue"
    )
    save_step("x.step.json", step)
    said = "".join(invoked("run", "x.step.json", "--backend", emulator.url))
    assert "[red]x[/red][/]" in said
    assert visible(said) == said, ascii(said)


def test_no_note_is_markup(tmp_path, capsys):
    """Whatever a run has to tell besides; which warnings there are is no affair of the command's."""
    step = ImageGenerationStep(prompt="a fox")
    run = run_of(step, Workspace(tmp_path).store)
    short = MissingImages(count=1, error=ProviderFault(COMMANDS))
    print_summary(replace(run, backend="live", paid_by=COMMANDS, warnings=(COMMANDS,), shortfalls=(short,)))
    said = capsys.readouterr().err
    assert said.count("[red]x[/red][/]") == 3
    assert visible(said) == said


def test_no_cassette_commands_the_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, about in (
        ("a", {"recorded_on": COMMANDS}),
        ("b", {"recorded_against": COMMANDS}),
        ("c", {"refused": [COMMANDS]}),
    ):
        folder = tmp_path / "cassettes" / name
        folder.mkdir(parents=True)
        metadata = {"recorded_against": "live", "recorded_on": "", "versions": {}, **about}
        document = {"layout": 1, "metadata": metadata, "recordings": []}
        (folder / "cassette.yaml").write_text(json.dumps(document))
    for words in (
        ("cassettes", "ls"),
        ("cassettes", "check"),
        ("cassettes", "prune"),
        ("cassettes", "check", COMMANDS),
    ):
        for more in ((), ("--json",)):
            said = "".join(invoked(*words, *more))
            assert visible(said) == said, ascii(said)
    with replay.use("a"):
        assert visible(repr(replay.status())) == repr(replay.status())


def test_json_output_reads_back_the_same(capsys):
    console.print_json({"a": COMMANDS, "b": "\x7f\x85 é 🦊"})
    said = capsys.readouterr().out
    assert json.loads(said) == {"a": COMMANDS, "b": "\x7f\x85 é 🦊"}
