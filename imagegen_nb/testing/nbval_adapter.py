"""The only file that knows nbval's objects: its notebooks, its cells, and the kernel that it runs them in.

None of this is public in nbval: it was written against 0.11, and `check` says so where another version lacks
something that is used here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from ipykernel.kernelspec import KERNEL_NAME
from nbval import kernel as nbval_kernel
from nbval import plugin as nbval_plugin

from imagegen_nb.testing import nbval_outputs

TESTED = "0.11"
CellFailed: type[Exception] = nbval_plugin.NbCellError
"""What nbval raises for a cell that fails."""


def check() -> None:
    """Raise `pytest.UsageError` where this version of nbval lacks what is used here."""
    missing = [
        name
        for owner, name in (
            (nbval_plugin, "IPyNbCell"),
            (nbval_plugin, "NbCellError"),
            (nbval_plugin, "find_comment_markers"),
            (nbval_plugin, "find_metadata_tags"),
            (nbval_kernel.RunningKernel, "get_message"),
            (nbval_kernel.RunningKernel, "stop"),
            (nbval_kernel, "NbvalKernelspecManager"),
            (nbval_kernel, "CURRENT_ENV_KERNEL_NAME"),
        )
        if not hasattr(owner, name)
    ]
    if not missing:
        parameters = tuple(inspect.signature(nbval_kernel.RunningKernel.get_message).parameters)
        if parameters != ("self", "stream", "timeout"):
            missing.append(f"get_message(stream, timeout), but has get_message{parameters[1:]}")
        source = inspect.getsource(nbval_plugin.IPyNbFile)
        missing += [
            name
            for name in ("kernel", "nb", "skip_compare", "sanitize_patterns")
            if f"self.{name} =" not in source
        ]
    if missing:
        raise pytest.UsageError(
            f"imagegen-nb does not work with nbval {version('nbval')}, which lacks {', '.join(missing)}: "
            f"pip install nbval=={TESTED}.*"
        )


def is_cell(item: pytest.Item) -> bool:
    """Whether a test is a notebook's cell."""
    return isinstance(item, nbval_plugin.IPyNbCell)


def notebook_of(item: Any) -> Notebook:
    """The notebook of a cell; the same object does not come twice, but equal ones do."""
    return Notebook(item.parent)


class Notebook:
    """A notebook that nbval runs as tests."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notebook) and other._file is self._file

    def __hash__(self) -> int:
        return hash(self._file)

    @property
    def path(self) -> Path:
        """Where it lies."""
        path: Path = self._file.path
        return path

    @property
    def cells(self) -> list[Any]:
        """Its code cells. nbval counts these alone."""
        return [cell for cell in self._file.nb.cells if cell.cell_type == "code"]

    @property
    def kernel(self) -> Kernel | None:
        """The kernel it runs in, None before the first cell."""
        return None if self._file.kernel is None else Kernel(self._file.kernel)

    def kernel_name(self, item: pytest.Item) -> str:
        """The kernel it is to run in, by nbval's options or its own word."""
        if item.config.option.nbval_current_env:
            return str(nbval_kernel.CURRENT_ENV_KERNEL_NAME)
        spec = self._file.nb.metadata.get("kernelspec", {})
        name = str(item.config.option.nbval_kernel_name or spec.get("name", "python"))
        return KERNEL_NAME if name == "python" else name  # as jupyter_client reads it

    def compare_by_looks(self) -> None:
        """Compare its outputs as `nbval_outputs` says, the recorded ones included."""
        self._file.skip_compare = nbval_outputs.skipped_kinds(self._file.skip_compare)
        self._file.sanitize_patterns.update(nbval_outputs.own_folders(self.path) | nbval_outputs.SANITIZE)
        for cell in self.cells:
            for output in cell.outputs:
                nbval_outputs.comparable(output)


class Kernel:
    """A running kernel of nbval's."""

    def __init__(self, running: Any) -> None:
        self._running = running

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and other._running is self._running

    def __hash__(self) -> int:
        return hash(self._running)

    @property
    def name(self) -> str:
        """The kernel's name, as a notebook gives it."""
        name: str = self._running.km.kernel_name
        return name

    def give_final_outputs(self, change: Callable[[Any], None]) -> None:
        """Let nbval read each cell's final outputs after `change`. Raises ImportError without nbclient."""
        self._running.get_message = nbval_outputs.CellMessages(self._running.get_message, change).get_message

    def run(self, code: str, timeout: float, *, silent: bool = False) -> str:
        """Run code beside what is compared; how it failed, empty if it did not."""
        request = self._running.kc.execute(
            code, silent=silent, store_history=False, allow_stdin=False, stop_on_error=False
        )
        try:
            while True:
                reply = self._running.get_message("shell", timeout=timeout)
                if reply["parent_header"].get("msg_id") == request:
                    break
        except Empty:
            return f"it took longer than {timeout:g} s"
        content = reply["content"]
        return f"{content['ename']}: {content['evalue']}" if content["status"] == "error" else ""

    def stop(self) -> None:
        """End it."""
        self._running.stop()


def kernel_missing(name: str) -> Exception | None:
    """The error that no kernel of that name is installed, or none that can be read; None where one is."""
    try:
        nbval_kernel.NbvalKernelspecManager().get_kernel_spec(name)
    except Exception as error:  # noqa: BLE001 - a kernel.json may hold anything
        return error
    return None


def kernel_names() -> Iterable[str]:
    """The kernels that are installed."""
    return tuple(nbval_kernel.NbvalKernelspecManager().find_kernel_specs())


def number_of(item: Any) -> int:
    """A cell's number among its notebook's code cells, from 0."""
    number: int = item.cell_num
    return number


def cell_timeout(item: pytest.Item) -> float:
    """Seconds a cell may take, from nbval's option."""
    seconds: float = item.config.option.nbval_cell_timeout
    return seconds


def traceback_of(error: Any) -> str:
    """The traceback that a failed cell shows."""
    return error.inner_traceback or ""
