"""Keys to plant, what they look like wherever they may come out, and what a run leaves to be searched."""

from __future__ import annotations

import base64
import json
import pickle
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from imagegen_nb import Gateway, ImageGenerationStep, Run, StepFailed, Workspace, paths, save_step
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.errors import SecretFound

CANARIES = {
    "OPENAI_API_KEY": "sk-proj-CanaryOne0a1b2c3d4e5f6g7h8i9j",
    "XAI_API_KEY": "xai-CanaryTwo9j8i7h6g5f4e3d2c1b0a",
    "GEMINI_API_KEY": "AIza" + "SyCanaryThreeQwErTyUiOpAsDfGhJkLzXc",
    "GOOGLE_API_KEY": "AQ.CanaryFourMnBvCxZlKjHgFdSaPoIuYt",
    "ODD_KEY": "canary+five/shape=of~key:13579",
    "PLAIN_KEY": "thesixthcanaryisplain",
}
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
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


def script(emulator: Emulator, provider: str, fault: Fault) -> None:
    """Let one call meet a fault, again and again where it is made again."""
    emulator.script(provider, *[fault] * (6 if fault.kind == "rate_limit" else 1))


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


def hits(texts: Iterable[str]) -> list[str]:
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
