"""In a notebook's kernel: cells of both kinds, prints of callbacks, and the interrupt button."""

from __future__ import annotations

import time

import pytest
from support.kernels import Kernel, executed

from imagegen_nb.emulator import Fault

SLOW = 100.0
"""Seconds an answer takes that nobody is going to wait for."""
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages

SETUP = """
import imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r}, timeout=300)
step = ig.ImageGenerationStep(prompt="a fox")
flash = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3)
def tell(event):
    print(event.kind, flush=True)
"""


@pytest.fixture
def kernel(kernel: Kernel, emulator, tmp_path) -> Kernel:
    """The kernel all tests share, with a workspace and steps of this test's own."""
    assert kernel.execute(SETUP.format(folder=str(tmp_path), url=emulator.url)) == ""
    return kernel


@pytest.mark.parametrize("call", ["step.run(workspace=workspace)", "await step.arun(workspace=workspace)"])
def test_both_kinds_of_cell(kernel, call):
    assert kernel.execute(f"({call}).status").strip("'\n") == "done"


@pytest.mark.parametrize(
    "call",
    ["step.run(workspace=workspace, on_event=tell)", "await step.arun(workspace=workspace, on_event=tell)"],
)
def test_prints_of_callbacks_land_in_their_cell(kernel, call):
    for _ in range(2):
        assert kernel.execute(f"run = {call}").split() == ["queued", "started", "image", "done"]


@pytest.mark.parametrize(
    "call",
    ["flash.run(workspace=workspace, on_event=tell)", "await flash.arun(workspace=workspace, on_event=tell)"],
)
def test_the_interrupt_button_ends_a_run_and_keeps_what_came(kernel, emulator, call):
    emulator.script("gemini", Fault("ok"), *[Fault("delay", seconds=SLOW)] * 2)
    cell = kernel.start(f"run = {call}")
    kernel.messages(cell, until=lambda kind, content: kind == "stream" and "image" in content["text"])
    pressed = time.monotonic()
    kernel.interrupt()
    said = kernel.output(cell)
    assert time.monotonic() - pressed < SLOW / 2
    assert "KeyboardInterrupt" in said or "CancelledError" in said
    assert "run cancelled: 1 of 3 images had arrived and are kept in the store" in said
    assert emulator.count() == 3
    assert kernel.execute("len(list(workspace.records()))").strip() == "1"
    assert kernel.execute("(step.run(workspace=workspace)).status").strip("'\n") == "done"
    assert kernel.execute("(await step.arun(workspace=workspace)).status").strip("'\n") == "done"


def test_a_failing_cell_shows_no_key_even_verbosely(kernel, emulator):
    key = "odd.canary~0123456789.abcdef"
    kernel.execute(f"import os; os.environ['GATEWAY_KEY'] = '{key}'")
    kernel.execute("%xmode Verbose")
    kernel.execute(
        f"hosted = {{name: ig.Gateway({emulator.url!r} + path, 'GATEWAY_KEY') for name, path in "
        "{'openai': '/openai/v1', 'xai': '/xai/v1', 'gemini': '/gemini'}.items()}\n"
        "live = ig.Workspace(workspace.store, hosted=hosted)"
    )
    for provider, model in (("openai", "gpt-image-2"), ("xai", "grok-imagine-image"), ("gemini", flash())):
        for fault in ("echo_key", "server_error", "drop"):
            emulator.script(provider, Fault(fault))
            said = kernel.execute(f"step.replace(model={model!r}).run(workspace=live)")
            assert "StepFailed" in said
            assert key not in said
    kernel.execute("%xmode Context")


def flash() -> str:
    return "gemini-nano-banana-2.1"


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_a_notebook_runs_from_top_to_bottom(emulator, tmp_path):
    cells = [
        SETUP.format(folder=str(tmp_path / "assets"), url=emulator.url),
        "run = step.run(workspace=workspace, on_event=tell)",
        "later = await step.arun(workspace=workspace, on_event=tell)",
        "run",
    ]
    outputs = [cell["outputs"] for cell in executed(cells, tmp_path)["cells"]]
    for printed in outputs[1:3]:
        assert "".join(output["text"] for output in printed).split() == ["queued", "started", "image", "done"]
    (shown,) = outputs[3]
    assert "EMULATED" in shown["data"]["text/html"]
    assert "EMULATED" in shown["data"]["text/plain"]
    assert "data:image/webp;base64," in shown["data"]["text/html"]


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_a_quick_kernel_is_an_ordinary_one_where_it_cannot_be_a_fork(monkeypatch, tmp_path):
    """The tests' own kernels: what a fork has imported, it has before the first cell."""
    elsewhere = str(tmp_path / "elsewhere")
    cell = f"import sys; print('vcr' in sys.modules, {elsewhere!r} in sys.path)"
    (forked,) = executed([cell], tmp_path).cells[0].outputs
    monkeypatch.setenv("PYTHONPATH", elsewhere)
    (ordinary,) = executed([cell], tmp_path).cells[0].outputs
    assert (forked["text"], ordinary["text"]) == ("True False\n", "False True\n")
