"""Notebooks as tests: what nbval runs is replayed from the notebook's own cassette, offline and without keys.

A notebook is one of ours when it has a cassette or names imagegen_nb. Of any other, only the environment
says where its cassette would be, so that no call of the toolkit goes live under a test.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, NbCellError, find_comment_markers, find_metadata_tags

from imagegen_nb.replay import cassette_file, environment, paths, writer
from imagegen_nb.testing import nbval_outputs

_GUARD = (
    "__import__('imagegen_nb.replay.network_block', fromlist=['guard']).stay_offline(loopback={loopback})"
)
_START = 60.0
"""Seconds a kernel may take to import the guard."""


@dataclass(slots=True)
class _Rehearsal:
    """A notebook under test: what its kernel is told, which cells have run there, what is in the way."""

    ours: bool
    environment: Mapping[str, str]
    ran: set[int] = field(default_factory=set)
    problem: str = ""
    missed: bool = False
    """Whether a cell failed for what the cassette does not hold: those after it could only echo that."""


class Notebooks:
    """The hooks that stand around nbval's; registered in sessions that run notebooks."""

    def __init__(self) -> None:
        self._rehearsals: dict[Any, _Rehearsal] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start each kernel in the environment of a replay, and hand it over guarded."""
        if not isinstance(item, IPyNbCell):
            return (yield)
        notebook: Any = item.parent
        rehearsal = self._rehearsals.get(notebook) or self._begin(notebook)
        kernel = notebook.kernel
        with pytest.MonkeyPatch.context() as patch:
            for name in (environment.AGAINST_VARIABLE, environment.NOTEBOOK_VARIABLE):
                patch.delenv(name, raising=False)
            for name, value in rehearsal.environment.items():
                patch.setenv(name, value)
            done = yield
        if rehearsal.ours:
            if notebook.kernel is not kernel:
                rehearsal.ran.clear()
                rehearsal.problem, rehearsal.missed = _guarded(notebook), False
            if rehearsal.missed:
                pytest.skip("an earlier cell asked for what the cassette does not hold")
            _catch_up(item, rehearsal)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note whether a cell failed for want of a recording."""
        try:
            return (yield)
        except NbCellError as error:
            if item.parent in self._rehearsals:
                self._rehearsals[item.parent].missed |= nbval_outputs.replay_failed(
                    error.inner_traceback or ""
                )
            raise

    def _begin(self, notebook: Any) -> _Rehearsal:
        folder = paths.of_notebook(notebook.path)
        cells = [cell for cell in notebook.nb.cells if cell.cell_type == "code"]
        ours = cassette_file.exists(folder) or any("imagegen_nb" in cell.source for cell in cells)
        shown = os.path.relpath(notebook.path, notebook.config.invocation_params.dir)
        told = environment.environment_for(folder, mode="none", notebook=shown)
        if ours:
            told = {**told, **writer.no_keys()}
            notebook.skip_compare = nbval_outputs.compared(notebook.skip_compare)
            notebook.sanitize_patterns.update(nbval_outputs.SANITIZE)
            for output in (output for cell in cells for output in cell.outputs):
                nbval_outputs.comparable(output)
        self._rehearsals[notebook] = _Rehearsal(ours, told)
        return self._rehearsals[notebook]


def _guarded(notebook: Any) -> str:
    """Keep a new kernel off the network; what stands in the way, in words."""
    try:
        from imagegen_nb.testing.coalescing import coalesce
    except ImportError:
        problem = 'this needs nbclient: pip install "imagegen-nb[test]"'
    else:
        code = _GUARD.format(loopback=notebook.config.getini("imagegen_allow_loopback"))
        failed = _run(notebook.kernel, code, _START, silent=True)
        if not failed:
            coalesce(notebook.kernel, nbval_outputs.comparable)
            return ""
        problem = (
            f"the kernel {notebook.kernel.km.kernel_name!r} of {notebook.path.name} cannot be kept off the "
            f"network ({failed}). Install imagegen-nb in its environment, or run it in this one: "
            "--nbval-current-env"
        )
    notebook.kernel.stop()
    return problem


def _catch_up(item: Any, rehearsal: _Rehearsal) -> None:
    """Run the earlier cells that were deselected (`-k`, `--lf`), because this one needs what they define."""
    notebook = item.parent
    cells = [cell for cell in notebook.nb.cells if cell.cell_type == "code"]
    for number in sorted(set(range(item.cell_num)) - rehearsal.ran):
        if rehearsal.problem:
            break
        cell = cells[number]
        rehearsal.ran.add(number)
        options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
        if options.get("skip"):
            continue
        failed = _run(notebook.kernel, cell.source, item.config.option.nbval_cell_timeout)
        if failed and not options.get("check_exception"):
            rehearsal.problem = f"cell {number}, which was run because later ones need it, failed: {failed}"
    rehearsal.ran.add(item.cell_num)
    if rehearsal.problem:
        pytest.fail(rehearsal.problem, pytrace=False)


def _run(kernel: Any, code: str, timeout: float, *, silent: bool = False) -> str:
    """Run `code` in a kernel beside what is compared; how it failed, in words."""
    asked = kernel.kc.execute(
        code, silent=silent, store_history=False, allow_stdin=False, stop_on_error=False
    )
    try:
        while (reply := kernel.get_message("shell", timeout=timeout))["parent_header"].get("msg_id") != asked:
            continue
    except Empty:
        return f"it took longer than {timeout:g} s"
    said = reply["content"]
    return f"{said['ename']}: {said['evalue']}" if said["status"] == "error" else ""
