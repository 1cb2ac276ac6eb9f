"""Executes notebooks from top to bottom, each in a kernel of its own that ends with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.errors import InvalidOption


def parse(notebook: str) -> Any:
    """A notebook's text as nbformat's document. Raises `InvalidOption` when it is none."""
    nbformat = _import_packages()[0]
    try:
        return nbformat.reads(notebook, as_version=4)
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever its parts do
        problem = str(error).strip().partition("\n")[0]
    raise InvalidOption(f"this is no notebook: {problem}")


def execute(
    document: Any, folder: Path, *, timeout: float = 120, environment: Mapping[str, str] | None = None
) -> str:
    """Run the cells of `document` in `folder`, filling in their outputs; returns the error that ended it.

    The kernel is the one the notebook names, else this interpreter's; `environment` is added to its own.
    `timeout` bounds each cell, in seconds. Raises `InvalidOption` when the packages for it are missing.
    """
    _, nbclient = _import_packages()
    client = nbclient.NotebookClient(
        document,
        timeout=timeout,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # no warnings about an unencrypted kernel: it is on loopback
    )
    disable_output_sync(client)
    problem = ""
    try:
        client.execute(env={**os.environ, **(environment or {})})
    except nbclient.exceptions.CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"
    except nbclient.exceptions.CellTimeoutError:
        problem = f"a cell took longer than {timeout:g} s"
    except nbclient.exceptions.DeadKernelError:
        problem = "the kernel died"
    # Widgets end with the kernel: a reader would see only that they cannot be found. nbclient must keep
    # their state until then, because an Output widget without it is a KeyError.
    document.metadata.pop("widgets", None)
    for output in (output for cell in document.cells for output in cell.get("outputs", ())):
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return problem


def disable_output_sync(client: Any) -> None:
    """Let the Output widgets of an nbclient collect outputs without sending them back to the kernel.

    Race: while nbclient sends, its loop can miss the cell's idle message on the same socket and wait for
    ever. And whether the kernel hears of an output before it shows it would differ from run to run.
    """
    from nbclient.output_widget import OutputWidget

    class UnsyncedOutput(OutputWidget):
        def sync_state(self) -> None:
            pass

    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = UnsyncedOutput


def text_of(document: Any) -> str:
    """The document as a notebook file's text."""
    text: str = _import_packages()[0].writes(document)
    return text if text.endswith("\n") else f"{text}\n"


def _import_packages() -> tuple[Any, Any]:
    try:
        import nbclient
        import nbclient.exceptions
        import nbformat
    except ImportError:
        raise InvalidOption(f"this runs a notebook: {install_command('notebook')}") from None
    return nbformat, nbclient
