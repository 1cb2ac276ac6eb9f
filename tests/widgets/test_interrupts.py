"""The kernel's interrupt while a form's run is under way, in a real kernel; tests/browser does it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.kernels import PATIENCE, Kernel

from imagegen_nb.emulator import Fault
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets import interrupts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages

SETUP = """
import asyncio, imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r}, timeout=300)
step = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3)
form = ig.StepForm(step, workspace)
"""
START = "form.panel.header.run.click()"
ARRIVED = "print(form._runs.arrived)"
ENDED = "print(form._job is None)"


@pytest.fixture
def kernel(kernel: Kernel, emulator, tmp_path) -> Kernel:
    """The kernel all tests share; a form is there, whose run gets one of three images."""
    emulator.script("gemini", Fault("ok"), *[Fault("delay", seconds=100)] * 2)
    assert kernel.execute(SETUP.format(folder=str(tmp_path), url=emulator.url)) == ""
    return kernel


@pytest.fixture
def execute(kernel: Kernel) -> Callable[[str], str]:
    """Runs a cell and gives what it printed."""
    return lambda code: kernel.execute(code).strip()


def until(execute: Callable[[str], str], code: str, wanted: str) -> None:
    end = time.monotonic() + PATIENCE
    while execute(code) != wanted:
        assert time.monotonic() < end, f"{code} never gave {wanted}"


def test_the_undocumented_loop_of_the_kernel_is_still_there(kernel, execute):
    seen = execute(
        "import ipykernel; loop = getattr(get_ipython().kernel, 'io_loop', None);"
        "print(ipykernel.__version__, callable(getattr(loop, 'add_callback', None)),"
        " callable(getattr(loop, 'call_later', None)))"
    )
    assert seen.endswith("True True"), f"ipykernel {seen}: adapt imagegen_nb/widgets/interrupts.py"


def test_without_that_loop_a_warning_says_what_to_do_and_the_run_goes_on(monkeypatch, workspace):
    class Shell:
        kernel = object()

    monkeypatch.setattr(interrupts, "get_ipython", Shell)
    job = workspace.submit(ImageGenerationStep(prompt="a fox"))
    with pytest.warns(RuntimeWarning, match="use its Cancel button"):
        interrupts.cancel_on_interrupt(job)
    assert job.future.result(timeout=30).returned == 1
    assert job not in interrupts._running_jobs


@pytest.mark.parametrize("meanwhile", ["", "; await asyncio.sleep(0.3)"], ids=["", "from-an-async-cell"])
def test_between_cells_it_cancels_the_run_and_keeps_what_came(kernel, execute, meanwhile):
    execute(START + meanwhile)
    until(execute, ARRIVED, "1")
    # The cell that tells may still hold the signal when its answer is here.
    until(lambda _: kernel.interrupt() or execute(ENDED), ENDED, "True")
    assert execute("print(form.run_result.status, len(form.run_result.output.assets))") == "cancelled 1"
    assert "1 of 3 images had arrived" in execute("print(form.panel.header.status.value)")


def test_a_cell_that_is_running_keeps_its_interrupt(kernel, execute):
    execute(START)
    until(execute, ARRIVED, "1")
    cell = kernel.start("print('busy', flush=True)\nwhile True: pass")
    kernel.messages(cell, until=lambda kind, content: kind == "stream")
    kernel.interrupt()
    assert kernel.reply(cell)["ename"] == "KeyboardInterrupt"
    assert execute(ENDED) == "False"
    execute("form.cancel()")
    until(execute, ENDED, "True")


def test_with_no_run_under_way_it_is_ignored_as_ever(kernel, execute):
    execute(START)
    execute("form.cancel()")
    until(execute, ENDED, "True")
    kernel.interrupt()
    assert execute("print('alive')") == "alive"
