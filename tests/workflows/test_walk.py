"""The walk in a real kernel: its interrupt button ends a workflow, which can be run again."""

from __future__ import annotations

import pytest
from support.kernels import Kernel

pytestmark = pytest.mark.notebooks

SETUP = """
import threading
import imagegen_nb as ig

ws = ig.Workspace(FOLDER, backend="emulator")
hero = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640")

def wait(context):
    if wait.first:
        wait.first = False
        print("REACHED", flush=True)
        while True:
            threading.Event().wait(0.1)

wait.first = True
workflow = ig.Workflow({"product": "lamp"}, steps={"step_1": hero, "wait": wait, "step_2": hero})
"""


def test_the_kernels_interrupt_ends_a_workflow_and_leaves_what_was_made(tmp_path):
    with Kernel.running() as kernel:
        assert kernel.execute(SETUP.replace("FOLDER", repr(str(tmp_path)))) == ""
        cell = kernel.start("workflow.run(workspace=ws)")
        kernel.messages(cell, lambda kind, content: kind == "stream" and "REACHED" in content["text"])
        kernel.interrupt()
        assert "the workflow ended at wait; workflow.last_run has what was made" in kernel.output(cell)
        shown = kernel.execute("print(workflow.last_run)")
        assert "Workflow · 1 of 3 steps · cancelled · EMULATED\n  ended at wait\n" in shown
        assert "wait  wait() stands in  cancelled  interrupted" in shown
        assert "done\n" in kernel.execute("print(workflow.run(workspace=ws).status)")
