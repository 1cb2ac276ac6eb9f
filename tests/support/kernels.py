"""A Jupyter kernel for tests: cells run in it, what they leave, and its interrupt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

from support import forked_kernels

PATIENCE = 120.0
"""Seconds for anything a kernel does; two busy cores stretch everything."""

Message = tuple[str, dict[str, Any]]
"""The type and the content of what a kernel says."""


class Kernel:
    """A running kernel: `execute` a cell and see what it left."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Kernel]:
        """A kernel of this interpreter, which ends with the block."""
        manager, client = start_new_kernel(startup_timeout=PATIENCE, kernel_name="python3")
        try:
            yield cls(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    def start(self, code: str) -> str:
        """Send a cell; its id. If it fails, cells sent after it run all the same."""
        return self.client.execute(code, stop_on_error=False)

    def messages(self, cell: str, until: Callable[[str, dict], bool] | None = None) -> list[Message]:
        """What the kernel says about `cell`, up to its end (or a message `until` likes)."""
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            messages.append((kind, content))
            if kind == "status" and content["execution_state"] == "idle":
                return messages
            if until is not None and until(kind, content):
                return messages

    def reply(self, cell: str) -> dict[str, Any]:
        """The content of the kernel's reply to a cell: how it ended."""
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == cell:
                return message["content"]

    def output(self, cell: str) -> str:
        """What a cell that was started prints up to its end; its error's traceback where it fails."""
        return text_of(self.messages(cell))

    def execute(self, code: str) -> str:
        """Run a cell; its `output`."""
        return self.output(self.start(code))

    def interrupt(self) -> None:
        """What the button of a notebook does."""
        self.manager.interrupt_kernel()


@contextmanager
def quick_kernels(folder: Path) -> Iterator[Path]:
    """In an empty folder, what `JUPYTER_PATH` names so that the kernel `python3` starts in a moment."""
    address = str(folder / "forks")
    spec = {"argv": forked_kernels.command(address), "display_name": "Python 3", "language": "python"}
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    with (folder / "forks.log").open("wb") as log:
        server = forked_kernels.start(address, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield folder
    finally:
        server.terminate()
        server.wait()


def text_of(messages: list[Message]) -> str:
    """What messages of a kernel show as text."""
    parts = []
    for kind, content in messages:
        if kind == "stream":
            parts.append(content["text"])
        elif kind == "execute_result":
            parts.append(content["data"]["text/plain"])
        elif kind == "error":
            parts.append("\n".join(content["traceback"]))
    return "".join(parts)


def executed(cells: list[str], folder: Path) -> nbformat.NotebookNode:
    """A notebook of these code cells, run from top to bottom in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute(cwd=str(folder))
    return notebook
