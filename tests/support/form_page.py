"""A notebook with a form, for the browser tests of the form: its cell, and what a user does with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from support.lab import Opener, OpenNotebook, run_all, save

FORM = """
import imagegen_nb as ig
from imagegen_nb.emulator import Fault
workspace = ig.Workspace("assets", backend="emulator")
workspace.emulator.latency = 0.3
step = ig.ImageGenerationStep(
    name="Hero image", prompt="A hero image for {{product}}", image_size="1536x1024", image_count=2,
    image_output_format="webp", image_output_compression=80)
step_1 = ig.ImageGenerationStep(prompt="a logo").run(workspace=workspace)
inputs = {"product": "a blue bottle", "step_1": step_1}
form = ig.StepForm(step, workspace, inputs=inputs, identifier="step_2")
form
"""


def opened(open_notebook: OpenNotebook, cell: str = FORM, **how: Any) -> Page:
    """The page of a notebook with a form that can be run; `how` goes on to `open_notebook`."""
    page = open_notebook([cell], **how)
    run_all(page)
    drawn(page)
    expect(page.locator(".ig-run")).to_be_enabled()
    return page


def drawn(page: Page) -> None:
    """Wait until the form is there as a whole: each of its parts is drawn when its script has come."""
    for key in ("model", "prompt", "image-count", "charge-type", "on-failure"):
        expect(page.locator(f".ig-{key} :is(select, textarea, input)").first).to_be_attached()


def press_run(page: Page) -> None:
    """Click the form's Run button."""
    page.locator(".ig-run").click()


def show_older_run(page: Page | Locator) -> None:
    """Flip to the run that was made before the one that is shown."""
    page.locator("[data-key='flip -1']").click()


def expect_status(page: Page, status: str = "done: 2 of 2 images") -> None:
    """Wait until the form's status line says this."""
    expect(page.locator(".ig-status")).to_contain_text(status)


def saved(page: Page, opener: Opener) -> tuple[dict[str, Any], int]:
    """The page's notebook as it lies on the disk after a save, and its size in bytes."""
    save(page)
    file = max(opener.folder.glob("*.ipynb"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(file.read_text()), file.stat().st_size


def without_kernel(document: dict[str, Any], opener: Opener) -> Path:
    """The file of a saved notebook that nothing runs in: the kernel it names is not there."""
    document["metadata"]["kernelspec"]["name"] = "no-such-kernel"
    file = opener.folder / f"reopened-{uuid4().hex}.ipynb"
    file.write_text(json.dumps(document))
    return file
