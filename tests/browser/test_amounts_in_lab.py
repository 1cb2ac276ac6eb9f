"""Amounts in dollars in a real JupyterLab, which takes what stands between two of them for mathematics."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from support.form_page import saved, without_kernel
from support.lab import Opener, OpenNotebook, run_all, screenshot

OTHERS = """
from IPython.display import HTML
HTML("costs $0.06 to $0.12")
"""
"""What is not ours: JupyterLab has typeset it once it has looked at all that stands above."""
OURS = """
import imagegen_nb as ig
from uuid import uuid4
workspace = ig.Workspace(f"assets-{uuid4().hex}", backend="emulator")
step = ig.ImageGenerationStep(prompt="A {{product}} for $0.06 to $0.12", image_size="1024x640")
sweep = ig.Sweep(step, over={"product": ["a $1 lamp", "a $2 vase"]}).run(workspace=workspace, progress=False)
display(step.estimate({"product": "lamp"}), sweep[0].run, workspace.history(), sweep.compare(0, 1))
"""
LIVE = """
display(sweep.grid(), ig.StepForm(step, workspace), ig.Gallery([sweep[0].run]))
"""
AMOUNTS = "$0.06 to $0.12"


def expect_amounts(page: Page) -> None:
    """Ours stand in the first two cells, as they are written; the other's is a formula."""
    expect(page.locator(".jp-Cell mjx-container")).to_have_count(1)
    for cell in (0, 1):
        outputs = page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea")
        expect(outputs).to_contain_text(AMOUNTS)
        expect(outputs.locator("mjx-container")).to_have_count(0)


def test_no_amount_is_typeset_with_a_kernel_or_without(open_notebook: OpenNotebook, opener: Opener) -> None:
    page = open_notebook([OURS, LIVE, OTHERS], size=(1280, 3000))
    run_all(page)
    expect(page.locator(".ig-gallery .igw-open img, .ig-form .ig-prompt textarea").first).to_be_visible()
    expect_amounts(page)
    document, _ = saved(page, opener)
    opener.close(page)
    page = opener.open_file(without_kernel(document, opener), size=(1280, 3000))
    page.get_by_role("dialog").get_by_role("button", name="Select Kernel").wait_for()
    page.keyboard.press("Escape")
    expect_amounts(page)
    screenshot(page, "amounts-reopened")
