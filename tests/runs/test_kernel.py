"""In a notebook's kernel: cells of both kinds, prints of callbacks, and the interrupt button."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

from imagegen_nb.emulator import Fault

SLOW = 30.0
PATIENCE = 40.0
pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]

SETUP = """
import imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r}, timeout=120)
step = ig.ImageGenerationStep(prompt="a fox")
flash = ig.ImageGenerationStep(model="gemini-3.1-flash-image", prompt="a fox", image_count=3)
def tell(event):
    print(event.kind, flush=True)
"""


class Kernel:
    """A running kernel: `execute` a cell and see what it left."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def start(self, code: str) -> str:
        return self.client.execute(code)

    def outputs(self, cell: str, until: Callable[[str, dict], bool] | None = None) -> list[tuple[str, dict]]:
        """What the kernel says about `cell`, up to its end (or a message `until` likes)."""
        said = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            said.append((kind, content))
            if kind == "status" and content["execution_state"] == "idle":
                return said
            if until is not None and until(kind, content):
                return said

    def execute(self, code: str) -> str:
        """What the cell printed; its error's traceback where it failed."""
        return text_of(self.outputs(self.start(code)))


def text_of(said: list[tuple[str, dict]]) -> str:
    parts = []
    for kind, content in said:
        if kind == "stream":
            parts.append(content["text"])
        elif kind == "execute_result":
            parts.append(content["data"]["text/plain"])
        elif kind == "error":
            parts.append("\n".join(content["traceback"]))
    return "".join(parts)


@pytest.fixture(scope="module")
def running_kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(startup_timeout=60, kernel_name="python3")
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(running_kernel, emulator, tmp_path) -> Kernel:
    said = running_kernel.execute(SETUP.format(folder=str(tmp_path), url=emulator.url))
    assert said == ""
    return running_kernel


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
    kernel.outputs(cell, until=lambda kind, content: kind == "stream" and "image" in content["text"])
    pressed = time.monotonic()
    kernel.manager.interrupt_kernel()
    said = text_of(kernel.outputs(cell))
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
    return "gemini-3.1-flash-image"


def test_a_notebook_runs_from_top_to_bottom(emulator, tmp_path):
    cells = [
        SETUP.format(folder=str(tmp_path / "assets"), url=emulator.url),
        "run = step.run(workspace=workspace, on_event=tell)",
        "later = await step.arun(workspace=workspace, on_event=tell)",
        "run",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [cell["outputs"] for cell in notebook["cells"]]
    for printed in outputs[1:3]:
        assert "".join(output["text"] for output in printed).split() == ["queued", "started", "image", "done"]
    (shown,) = outputs[3]
    assert "EMULATED" in shown["data"]["text/html"]
    assert "EMULATED" in shown["data"]["text/plain"]
    assert "data:image/webp;base64," in shown["data"]["text/html"]
