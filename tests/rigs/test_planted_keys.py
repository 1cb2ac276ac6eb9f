"""Keys are planted, every call meets every fault, and all that is left is searched: not one may be found."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm
from IPython.core.ultratb import VerboseTB
from support.commands import invoked
from support.secrets import (
    CANARIES,
    FAULTS,
    MODELS,
    PATHS,
    USED,
    attempt,
    files_below,
    hits,
    of_exception,
    script,
    workspace_on,
)

from imagegen_nb import (
    Gallery,
    ImageGenerationStep,
    StepFailed,
    StepForm,
    load_step,
    replay,
    save_step,
)
from imagegen_nb.core import redaction
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import ImagegenError, ReplayError, SecretFound, VariableError
from rigs.figures import LONG, none_of, note

pytestmark = [
    pytest.mark.usefixtures("waits"),
    pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]
FEW = ("ok", "echo_key", "auth", "hang", "truncated_json", "wrong_type")
CASES = [
    (provider, variable)
    for provider, names in USED.items()
    for variable in (names if LONG else (names[0], "ODD_KEY"))
]
searched: Counter[str] = Counter()
found: list[str] = []


@pytest.fixture(autouse=True)
def planted(monkeypatch) -> None:
    for name, secret in CANARIES.items():
        monkeypatch.setenv(name, secret)


@pytest.fixture(scope="module", autouse=True)
def total() -> Iterator[None]:
    yield
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in searched.most_common())
    note("planted keys", none_of(f"in {searched.total():,} artefacts ({kinds}), of ≥ 500", found))


def search(kind: str, texts: Iterable[str]) -> None:
    """Look through `texts`, each of which is one artefact."""
    for text in texts:
        searched[kind] += 1
        new = [f"{kind}: {hit}" for hit in hits([text])]
        found.extend(new)
        assert not new, "\n".join(new)


def faults() -> list[Fault]:
    return [fault for fault in FAULTS if LONG or fault.kind in FEW]


def step_for(provider: str, **changes) -> ImageGenerationStep:
    return ImageGenerationStep(model=MODELS[provider], prompt="a fox", **changes)


class Spy(BaseComm):
    """The line to a page: notes all that would be sent."""

    sent: list[str] = []  # noqa: RUF012 (one list for all of a test's widgets)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **more) -> None:
        self.sent.append(json.dumps([msg_type, data, metadata, more], default=repr))
        self.sent += [bytes(buffer).decode("latin-1") for buffer in buffers or ()]


@pytest.mark.parametrize(("provider", "variable"), CASES)
def test_calls(emulator, tmp_path, caplog, capfd, provider, variable):
    """Runs under both policies, what they raise, log, print, pickle, store and export."""
    caplog.set_level(logging.DEBUG)
    workspace = workspace_on(emulator.url + PATHS[provider], provider, variable, tmp_path)
    for fault in faults():
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        for policy in ("terminate", "continue"):
            script(emulator, provider, fault)
            step = step_for(provider, on_failure=policy)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                search("of runs", attempt(step, workspace, tmp_path))
            search("warnings", (str(warning.message) for warning in warned))
    search("log lines", (record.getMessage() for record in caplog.records))
    search("printed", capfd.readouterr())
    search("files", files_below(tmp_path))
    search("requests in the emulator's log", (json.dumps(request.to_json()) for request in emulator.requests))


@pytest.mark.parametrize(("provider", "variable"), CASES)
def test_tracebacks(emulator, tmp_path, provider, variable):
    """As `%xmode Verbose` writes them, with the variables of every frame."""
    workspace = workspace_on(emulator.url + PATHS[provider], provider, variable, tmp_path)
    writer = (
        VerboseTB(color_scheme="NoColor")
        if "color_scheme" in VerboseTB.__init__.__code__.co_varnames
        else VerboseTB()
    )
    for fault in faults():
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        script(emulator, provider, fault)
        try:
            step_for(provider).run(workspace=workspace)
        except StepFailed as failed:
            for error in (failed, failed.error):
                search("verbose tracebacks", [writer.text(type(error), error, error.__traceback__)])
                search("exceptions", of_exception(error))


@pytest.mark.parametrize(("provider", "variable"), CASES)
def test_forms_and_galleries(emulator, tmp_path, monkeypatch, provider, variable):
    """What goes to the page, and what a notebook would keep of it."""
    monkeypatch.setattr(comm, "create_comm", Spy)
    monkeypatch.setattr(Spy, "sent", [])
    workspace = workspace_on(emulator.url + PATHS[provider], provider, variable, tmp_path)
    for fault in faults():
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        script(emulator, provider, fault)
        form = StepForm(step_for(provider), workspace)
        form.panel.header.run.click()
        job = form._job
        with suppress(ImagegenError, asyncio.CancelledError):
            job.wait()
        while form._job is not None:
            time.sleep(0.01)
        form.panel.import_export.path.value = str(tmp_path / "form.step.json")
        form.panel.import_export.export_button.click()
        form.panel.import_export._code()
        gallery = Gallery(form.run_result)
        state = ipywidgets.Widget.get_manager_state()["state"]
        search("widget states", map(json.dumps, state.values()))
        search(
            "static fallbacks",
            (form._fallback._repr_html_(), repr(form._fallback), gallery._fallback._repr_html_()),
        )
        form.close()
        gallery.close()
    assert len(Spy.sent) > 50
    search("messages to pages", Spy.sent)
    search("files", files_below(tmp_path))


@pytest.mark.parametrize(("provider", "variable"), CASES)
def test_cassettes(emulator, tmp_path, monkeypatch, provider, variable):
    """Recorded with a key, played without: the files, what is told of them, and what plays."""
    monkeypatch.chdir(tmp_path)
    workspace = workspace_on(emulator.url + PATHS[provider], provider, variable, tmp_path)
    for number, fault in enumerate(faults()):
        workspace.timeout = 0.3 if fault.kind == "hang" else 30
        script(emulator, provider, fault)
        for mode in ("all", "none"):
            told = []
            try:
                with replay.use(f"c{number}", mode):
                    told += attempt(step_for(provider), workspace, tmp_path)
                    told.append(repr(replay.status()))
            except ReplayError as error:
                told += of_exception(error)
            search("of recorded runs", told)
    assert list(tmp_path.rglob("cassette.yaml"))
    search("files of cassettes", files_below(tmp_path / "cassettes"))


@pytest.mark.parametrize("provider", MODELS)
def test_commands(emulator, tmp_path, monkeypatch, capfd, provider):
    monkeypatch.chdir(tmp_path)
    save_step("hero.step.json", step_for(provider))
    for fault in faults():
        if fault.kind != "hang":
            for more in ((), ("--json",)):
                script(emulator, provider, fault)
                search("commands", invoked("run", "hero.step.json", "--backend", emulator.url, *more))
    for words in (
        ("validate", "hero.step.json"),
        ("paths", "hero.step.json"),
        ("models",),
        ("cassettes", "ls"),
        ("cassettes", "check"),
        ("scan", str(tmp_path)),
        ("run", "nothing.json"),
        ("no-such-command",),
        ("--help",),
    ):
        search("commands", (*invoked(*words), *invoked(*words, "--json"), *capfd.readouterr()))
    search("files", files_below(tmp_path))


def test_what_the_process_list_shows(emulator, tmp_path):
    """Names and arguments of a command and its children, while it waits for a provider."""
    save_step(tmp_path / "hero.step.json", step_for("openai"))
    emulator.script("openai", Fault("hang"))
    command = [sys.executable, "-c", "from imagegen_nb.cli import main; main()", "run", "hero.step.json"]
    command += ["--backend", emulator.url, "--timeout", "3"]
    child = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        while emulator.count() == 0 and child.poll() is None:
            time.sleep(0.02)
        folders = [folder for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
        for folder in folders:
            with suppress(OSError):
                search(
                    "processes", [(folder / name).read_text(errors="replace") for name in ("cmdline", "comm")]
                )
    finally:
        said, _ = child.communicate(timeout=30)
    assert "timeout" in said.lower() or "no complete response" in said.lower() or "deadline" in said.lower()
    search("commands", [said])
    search("threads", (thread.name for thread in threading.enumerate()))


@pytest.mark.parametrize("name", CANARIES)
def test_values_that_hold_a_key(workspace, tmp_path, name):
    """A key that was put into an input or a file is not written on; its finder does not repeat it."""
    step = ImageGenerationStep(prompt="a {{thing}}")
    inputs = {"thing": f"fox with {CANARIES[name]}"}
    if redaction.find(CANARIES[name]) is None:  # what is shaped like a key is not even sent
        step.run(inputs, workspace=workspace)
    else:
        with pytest.raises(VariableError) as caught:
            step.run(inputs, workspace=workspace)
        search("refusals", [str(caught.value), repr(caught.value)])
    with pytest.raises(SecretFound) as caught:
        save_step(tmp_path / "out.step.json", step, inputs=inputs)
    search("refusals", [str(caught.value), repr(caught.value), pickle.dumps(caught.value).decode("latin-1")])
    document = json.dumps({"prompt": "x", CANARIES[name]: 1, "inputs": {CANARIES[name]: 1}}).encode()
    with pytest.raises(ImagegenError) as refused:
        load_step(document)
    search(
        "refusals", [str(refused.value), repr(refused.value), pickle.dumps(refused.value).decode("latin-1")]
    )
    assert not (tmp_path / "out.step.json").exists()
