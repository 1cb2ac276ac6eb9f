"""Runs notebooks from top to bottom, each in a kernel of its own that ends with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen_nb.errors import InvalidOption


def parse(notebook: str) -> Any:
    """A notebook's text as nbformat's document. Raises `InvalidOption` when it is none."""
    nbformat = _packages()[0]
    try:
        return nbformat.reads(notebook, as_version=4)
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever its parts do
        reason = str(error).strip().partition("\n")[0]
    raise InvalidOption(f"this is no notebook: {reason}")


def execute(
    document: Any, folder: Path, *, timeout: float = 120, environment: Mapping[str, str] | None = None
) -> str:
    """Run the cells of `document` in `folder`, filling in their outputs; returns the error that ended it.

    The kernel is the one the notebook names, else this interpreter's; `environment` is added to its own.
    `timeout` bounds each cell, in seconds. Raises `InvalidOption` when the packages for it are missing.
    """
    _, nbclient = _packages()
    client = nbclient.NotebookClient(
        document,
        timeout=timeout,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # the kernel is on loopback, and ours alone
    )
    keep_widgets_quiet(client)
    failed = ""
    try:
        client.execute(env={**os.environ, **(environment or {})})
    except nbclient.exceptions.CellExecutionError as error:
        failed = f"{error.ename}: {error.evalue}"
    except nbclient.exceptions.CellTimeoutError:
        failed = f"a cell took longer than {timeout:g} s"
    except nbclient.exceptions.DeadKernelError:
        failed = "the kernel died"
    # The live views end with the kernel; a reader would only see that they cannot be found. (nbclient has to
    # keep their state while it runs: without it, an Output widget is a KeyError.)
    document.metadata.pop("widgets", None)
    for output in (output for cell in document.cells for output in cell.get("outputs", ())):
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return failed


def keep_widgets_quiet(client: Any) -> None:
    """Let the Output widgets of an nbclient take output in without telling the kernel what they hold.

    nbclient sends that behind the back of the event loop that waits on the same socket for the end of the
    cell, which the loop then now and then never hears of. And whether the kernel hears of it in time to show
    it differs from run to run.
    """
    from nbclient.output_widget import OutputWidget

    class Quiet(OutputWidget):
        def sync_state(self) -> None:
            pass

    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = Quiet


def text_of(document: Any) -> str:
    """The document as a notebook file's text."""
    text: str = _packages()[0].writes(document)
    return text if text.endswith("\n") else f"{text}\n"


def _packages() -> tuple[Any, Any]:
    try:
        import nbclient
        import nbclient.exceptions
        import nbformat
    except ImportError:
        raise InvalidOption('this runs a notebook: pip install "imagegen-nb[notebook]"') from None
    return nbformat, nbclient
