"""Notebooks as tests: what nbval runs is replayed from the notebook's own cassette, offline and without keys.

Only a notebook that has a cassette, or names imagegen_nb, is guarded. The others keep their network and keys;
but their environment names a cassette too, so that no call through this toolkit goes live under a test. The
stores of every notebook are empty ones of its own, which end with its test.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.notebooks.execute import explain_kernel
from imagegen_nb.notebooks.markers import MAY_FAIL, SKIP, markers_of
from imagegen_nb.replay import cassette_file, environment, paths
from imagegen_nb.store import relocation
from imagegen_nb.testing import nbval_adapter, nbval_outputs
from imagegen_nb.testing.nbval_adapter import Kernel, Notebook
from imagegen_nb.testing.proof import Proof

_BLOCK_NETWORK = (
    "__import__('imagegen_nb.replay.network_block', fromlist=['stay_offline'])"
    ".stay_offline(loopback={loopback})"
)
_START = 60.0
"""Seconds a kernel may take to import the network block."""


@dataclass(slots=True)
class _NotebookState:
    """A notebook under test: the environment of its kernel, and how far its cells have run there."""

    guarded: bool
    own_stores: TemporaryDirectory[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cells_run: set[int] = field(default_factory=set)
    problem: str = ""
    """Why none of its cells can be tested, empty if they can."""
    refused: str = ""
    """Which cell asked for what the cassette does not hold, and what to do: later cells would only fail of
    that once more."""

    @property
    def store_root(self) -> Path:
        """The folder below which its stores lie."""
        return Path(self.own_stores.name)


class Notebooks:
    """The hooks that stand around nbval's; registered in sessions that run notebooks."""

    def __init__(self, recording: Proof | None = None) -> None:
        nbval_adapter.check()
        self._recording = recording
        self._states: dict[Notebook, _NotebookState] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start each kernel in the environment of a replay, and block its network before the first cell."""
        if not nbval_adapter.is_cell(item):
            return (yield)
        notebook = nbval_adapter.notebook_of(item)
        state = self._states.get(notebook)
        if state is None:
            state = self._states[notebook] = _prepare(notebook, item.config, self._recording)
        kernel_before = notebook.kernel
        if kernel_before is None:
            _require_kernel(item, notebook, state)
        result, not_started = None, None
        with pytest.MonkeyPatch.context() as patch:
            # They would log the trace of a kernel that does not start; jupyter_client's is traitlets'.
            for name in ("nbval", "traitlets") if kernel_before is None else ():
                patch.setattr(logging.getLogger(name), "disabled", True)
            for name in (environment.AGAINST_VARIABLE, environment.NOTEBOOK_VARIABLE):
                patch.delenv(name, raising=False)
            for name, value in state.environment.items():
                patch.setenv(name, value)
            try:
                result = yield  # nbval starts the kernel here, before a notebook's first cell
            except (OSError, RuntimeError) as error:
                if notebook.kernel is not None:
                    raise
                not_started = error
        if not_started is not None:  # here, so that its trace is not shown with what is said of it
            _fail_without_kernel(state, notebook.kernel_name(item), not_started)
        if state.guarded:
            kernel = notebook.kernel
            if kernel is not None and kernel != kernel_before:
                state.cells_run.clear()
                state.refused = ""
                _empty(state.store_root)
                state.problem = _block_network(kernel, notebook, item.config, state.store_root)
            if state.refused:
                pytest.skip(state.refused)
            _run_earlier_cells(item, notebook, state)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Delete the stores of a notebook whose last cell was tested, after nbval has stopped its kernel."""
        try:
            return (yield)
        finally:
            is_last = nextitem is None or nextitem.parent is not item.parent
            if nbval_adapter.is_cell(item) and is_last:
                state = self._states.pop(nbval_adapter.notebook_of(item), None)
                if state is not None:
                    relocation.put_back_exports(state.store_root)
                    state.own_stores.cleanup()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note whether a cell failed for want of a recording."""
        try:
            return (yield)
        except nbval_adapter.CellFailed as error:
            state = self._states.get(nbval_adapter.notebook_of(item))
            trace = nbval_adapter.traceback_of(error)
            if state and nbval_outputs.replay_failed(trace):
                state.refused = _refused(nbval_adapter.number_of(item), trace)
            raise


def _require_kernel(item: pytest.Item, notebook: Notebook, state: _NotebookState) -> None:
    """Fail a notebook's first cell, and skip the others, where the kernel it asks for is not installed or
    did not start."""
    if state.problem:
        pytest.skip(f"an earlier cell of {notebook.path.name} says why it has no kernel")
    name = notebook.kernel_name(item)
    if error := nbval_adapter.kernel_missing(name):
        _fail_without_kernel(state, name, error)


def _fail_without_kernel(state: _NotebookState, name: str, error: Exception) -> NoReturn:
    state.problem = explain_kernel(name, error, nbval_adapter.kernel_names())
    pytest.fail(state.problem, pytrace=False)


def _refused(cell: int, trace: str) -> str:
    """Why the cells after this one are not run, and what to do."""
    remedy = re.search(r"record: .+", trace)
    return f"Cell {cell} was refused by the cassette{f'; {remedy[0]}' if remedy else ', and says why'}"


def _prepare(notebook: Notebook, config: pytest.Config, recording: Proof | None) -> _NotebookState:
    path = recording.notebook if recording else notebook.path
    folder = recording.cassette if recording else paths.of_notebook(path)
    guarded = cassette_file.exists(folder) or any("imagegen_nb" in cell.source for cell in notebook.cells)
    shown_path = os.path.relpath(path, config.invocation_params.dir)
    state = _NotebookState(guarded, relocation.temporary_root())
    variables = environment.environment_for(
        folder, mode="none", notebook=shown_path, store_root=state.store_root
    )
    if guarded:
        variables = {**variables, **environment.placeholder_keys()}
        notebook.compare_by_looks()
    state.environment = variables
    return state


def _empty(folder: Path) -> None:
    """Delete what a kernel left that was stopped: a new one begins with the first cell again."""
    relocation.put_back_exports(folder)
    for each in folder.iterdir():
        shutil.rmtree(each, ignore_errors=True)


def _comparable(output: Any, stores: Path, folder: Path) -> None:
    """Change an output in place, as `nbval_outputs` says, with the paths of stores that were asked for."""
    output.update(relocation.restored(output, stores, folder))
    nbval_outputs.comparable(output)


def _block_network(kernel: Kernel, notebook: Notebook, config: pytest.Config, stores: Path) -> str:
    """Keep a new kernel off the network; why that is impossible, empty if it was done."""
    try:
        kernel.give_final_outputs(partial(_comparable, stores=stores, folder=notebook.path.parent))
    except ImportError:
        problem = f"this needs nbclient: {install_command('test')}"
    else:
        code = _BLOCK_NETWORK.format(loopback=config.getini("imagegen_allow_loopback"))
        # Silently: a kernel of any environment understands that, and nothing of it is shown or counted.
        failure = kernel.run(code, _START, silent=True)
        if not failure:
            return ""
        problem = (
            f"the kernel {kernel.name!r} of {notebook.path.name} cannot be kept off the "
            f"network ({failure}). Install imagegen-nb in its environment, or run it in this one: "
            "--nbval-current-env"
        )
    kernel.stop()
    return problem


def _run_earlier_cells(item: pytest.Item, notebook: Notebook, state: _NotebookState) -> None:
    """Run the earlier cells that were deselected (`-k`, `--lf`), because this one needs what they define."""
    number, cells, kernel = nbval_adapter.number_of(item), notebook.cells, notebook.kernel
    for earlier in sorted(set(range(number)) - state.cells_run):
        if state.problem or kernel is None:
            break
        state.cells_run.add(earlier)
        markers = markers_of(cells[earlier])
        if markers.get(SKIP):
            continue
        failure = kernel.run(cells[earlier].source, nbval_adapter.cell_timeout(item))
        if failure and not markers.get(MAY_FAIL):
            state.problem = f"cell {earlier}, which was run because later ones need it, failed: {failure}"
            state.refused = _refused(earlier, failure) if nbval_outputs.replay_failed(failure) else ""
    state.cells_run.add(number)
    if state.problem:
        pytest.fail(state.problem, pytrace=False)
