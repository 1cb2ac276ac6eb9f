"""Executes notebooks from top to bottom, each in a kernel of its own that ends with it."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagegen_nb.core import ending_signals
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.markers import MAY_FAIL, SKIP

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_END = 10.0
"""Seconds that an interrupted cell has to end."""


def parse(notebook: str) -> Any:
    """A notebook's text as nbformat's document. Raises `InvalidOption` when it is none."""
    nbformat = import_packages()[0]
    try:
        return nbformat.reads(notebook, as_version=4)
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever its parts do
        problem = str(error).strip().partition("\n")[0]
    if re.search(r"^<{7} ", notebook, re.MULTILINE):
        problem = "it holds a merge conflict. Take one side whole, or resolve it"
    raise InvalidOption(f"this is not a notebook: {problem}")


def execute(
    document: Any,
    folder: Path,
    *,
    timeout: float = 120,
    environment: Mapping[str, str] | None = None,
    markers: Callable[[Any], Mapping[str, bool]] | None = None,
) -> str:
    """Run the cells of `document` in `folder`, filling in their outputs; returns the error that ended it.

    The kernel is the one the notebook names, else this interpreter's; `environment` is added to its own.
    `timeout` bounds each cell, in seconds. `markers` reads which cells are skipped and which may fail, as
    their test does; without it nbclient's own tags count. Raises `InvalidOption` when the packages for it are
    missing, or the kernel. At Ctrl+C, SIGTERM and SIGHUP the kernel ends first.
    """
    _, nbclient = import_packages()
    client = _client_class(markers)(
        document,
        timeout=timeout,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # no warnings about an unencrypted kernel: it is on loopback
    )
    disable_output_sync(client)
    problem = ""
    try:
        _run(client, {**os.environ, **(environment or {})})
    except nbclient.exceptions.CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"
    except nbclient.exceptions.CellTimeoutError:
        problem = f"a cell took longer than {timeout:g} s (timeout=, or --timeout, allows more)"
    except nbclient.exceptions.DeadKernelError:
        problem = "the kernel died"
    except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
        # An unknown kernel is a KeyError, and its file may hold anything.
        if getattr(client, "code_cells_executed", 0):
            raise
        known = (client.km or client.create_kernel_manager()).kernel_spec_manager.find_kernel_specs()
        raise InvalidOption(explain_kernel(client.kernel_name, error, known)) from None
    # Widgets end with the kernel: a reader would see only that they cannot be found. nbclient must keep
    # their state until then, because an Output widget without it is a KeyError.
    document.metadata.pop("widgets", None)
    for cell in document.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return problem


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """The outputs with what was printed in a row as one: as how many messages it comes differs from run to
    run. nbclient's own `coalesce_streams` would also join what stands on both sides of a picture."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _run(client: Any, environment: Mapping[str, str]) -> None:
    """Run all cells. A signal raises what it would have raised, whatever the cell made of it."""
    try:
        with ending_signals.handlers_kept():
            try:
                client.execute(env=environment)
            finally:
                _remove_handlers(client.loop_in_use)
    except (Exception, asyncio.CancelledError):
        if client.ended_by is None:
            raise
    if client.ended_by is not None:
        raise ending_signals.interruption(client.ended_by)


def _remove_handlers(loop: asyncio.AbstractEventLoop | None) -> None:
    """Leave none in a loop, which is used again: nbclient removes only its own two."""
    if loop is not None:
        for number in _ENDING:
            loop.remove_signal_handler(number)


def _client_class(markers: Callable[[Any], Mapping[str, bool]] | None) -> Any:
    """An nbclient that ends its kernel at each signal. With `markers` it does with each cell what they say,
    and heeds no other tags."""
    from nbclient import NotebookClient
    from nbclient.util import ensure_async

    # Looked at before nbclient has handlers of its own.
    ignored = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_IGN]

    class Client(NotebookClient):
        ended_by: int | None = None
        loop_in_use: asyncio.AbstractEventLoop | None = None
        _cells_begun = 0
        _is_in_cell = False

        async def async_start_new_kernel(self, **options: Any) -> None:
            # In the place of nbclient's own handlers, which let the run go on without a kernel: it ends in an
            # AssertionError.
            self.loop_in_use = asyncio.get_running_loop()
            with suppress(RuntimeError):  # only the main thread may add handlers
                for number in _ENDING:
                    self.loop_in_use.add_signal_handler(number, self._end, number, _this_task())
            await super().async_start_new_kernel(**options)

        def _end(self, number: int, task: asyncio.Task[Any]) -> None:
            # As in the background of a script, where Ctrl+C is for what runs before it.
            if number in ignored:
                return
            if self.ended_by is None:  # a second one would break off the end of the kernel
                self.ended_by, self._ending = number, asyncio.ensure_future(self._break_off(task))

        async def _break_off(self, task: asyncio.Task[Any]) -> None:
            """End the cell as a person would: a run in it asks for no more images, and says what became of
            it. What does not end in a while is left to the end of its kernel."""
            with suppress(Exception):
                assert self.km is not None
                if self._cells_begun == 0:  # one that still starts would answer with a traceback
                    await ensure_async(self.km.signal_kernel(signal.SIGKILL))
                elif self._is_in_cell:
                    await ensure_async(self.km.interrupt_kernel())
                    await asyncio.wait([task], timeout=_LONGEST_END)
            task.cancel()

        async def async_execute_cell(self, cell: Any, *arguments: Any, **options: Any) -> Any:
            if self.ended_by is not None:  # the cell before may have caught its interrupt
                raise asyncio.CancelledError
            if markers:
                said = markers(cell) if cell.cell_type == "code" else {}
                if said.get(SKIP):
                    return cell
                self.allow_errors = bool(said.get(MAY_FAIL))
            self._is_in_cell, self._cells_begun = True, self._cells_begun + 1
            try:
                return await super().async_execute_cell(cell, *arguments, **options)
            finally:
                self._is_in_cell = False

    return functools.partial(Client, skip_cells_with_tag="") if markers else Client


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def explain_kernel(name: str, error: Exception, known: Iterable[str]) -> str:
    """Why a kernel did not start, and the ways out, in one line: the `known` ones, for example."""
    reason = f"does not start ({error})"
    if isinstance(error, KeyError):
        reason = "is not installed here"
    elif isinstance(error, ValueError | TypeError):
        reason = f"has a kernel.json that cannot be read ({error})"
    names = ", ".join(sorted(known)) or "none"
    return (
        f"the kernel {name!r}, which the notebook asks for, {reason}; there are: {names}. Choose one of them "
        f"(record: --kernel NAME, pytest: --nbval-kernel-name NAME or --nbval-current-env), or install it"
    )


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
    text: str = import_packages()[0].writes(document)
    return text if text.endswith("\n") else f"{text}\n"


def import_packages() -> tuple[Any, Any]:
    """nbformat and nbclient. Raises `InvalidOption` where they are not installed."""
    try:
        import nbclient
        import nbclient.exceptions
        import nbformat
    except ImportError:
        raise InvalidOption(f"this runs a notebook: {install_command('notebook')}") from None
    return nbformat, nbclient
