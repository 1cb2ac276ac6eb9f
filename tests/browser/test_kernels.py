"""The form on other versions of ipykernel: they differ in the thread and the moment a click arrives at.

Here only the installed one is tried; `./dev kernels` fetches the others and tries them all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from support.form_page import expect_status
from support.lab import KERNELS, OpenNotebook, execute, interrupt, run_cell, start_cell

# The first of three images comes at once, the others long after the test.
FORM = """
import time, ipykernel, imagegen_nb as ig
from imagegen_nb.emulator import Fault
workspace = ig.Workspace("assets", backend="emulator")
emulator = workspace.emulator
step = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3)
def slow():
    emulator.clear()
    emulator.script("gemini", Fault("ok"), *[Fault("delay", seconds=60)] * 2)
def stored():
    return len(list(workspace.records(form.run_result.id)))
form = ig.StepForm(step, workspace)
form
"""
BUSY = "print('busy', flush=True); time.sleep(4); print('over')"
ENDLESS = "print('busy', flush=True)\nwhile True: time.sleep(0.05)"
FoxForm = Callable[..., Page]


@pytest.fixture(params=["python3", *[folder.name for folder in KERNELS]])
def fox_form(request: pytest.FixtureRequest, open_notebook: OpenNotebook) -> FoxForm:
    """Opens the form, with a second cell below it."""

    def opened(below: str) -> Page:
        page = open_notebook([FORM, below], kernel=request.param)
        run_cell(page, 0)
        expect(page.locator(".ig-run")).to_be_enabled()
        version = execute(page, "print(ipykernel.__version__)")
        assert request.param == "python3" or version.startswith(request.param)
        return page

    return opened


def start_slow(page: Page) -> None:
    """A run that has one of its three images."""
    execute(page, "slow()")
    page.locator(".ig-run").click()
    expect_status(page, "running: 1 of 3 images")


def kept_and_usable(page: Page) -> None:
    """What had arrived is shown and stored, and the form runs again."""
    expect_status(page, "run cancelled: 1 of 3 images had arrived and are kept")
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(1)
    assert execute(page, "print(form.run_result.status, stored())") == "cancelled 1"
    execute(page, "emulator.clear()")
    page.locator(".ig-run").click()
    expect_status(page, "done: 3 of 3 images")
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(3)


def test_the_cancel_button_ends_a_run(fox_form: FoxForm) -> None:
    page = fox_form("")
    start_slow(page)
    page.locator(".ig-cancel").click()
    kept_and_usable(page)


def test_the_kernels_interrupt_ends_a_run(fox_form: FoxForm) -> None:
    page = fox_form("")
    start_slow(page)
    interrupt(page)
    kept_and_usable(page)


def test_the_interrupt_belongs_to_the_cell_while_one_is_running(fox_form: FoxForm) -> None:
    page = fox_form(ENDLESS)
    start_slow(page)
    start_cell(page, 1)
    interrupt(page)
    expect(page.locator(".jp-CodeCell").nth(1)).to_contain_text("KeyboardInterrupt")
    assert execute(page, "print(form._job is not None)") == "True"
    expect_status(page, "running: 1 of 3 images")
    interrupt(page)
    kept_and_usable(page)


def test_a_run_clicked_while_a_cell_is_busy_is_not_lost(fox_form: FoxForm) -> None:
    page = fox_form(BUSY)
    start_cell(page, 1)
    page.locator(".ig-run").click()
    expect_status(page, "done: 3 of 3 images")
    expect(page.locator(".jp-CodeCell").nth(1)).to_contain_text("over")
    assert execute(page, "print(emulator.count('gemini'), stored())") == "3 3"
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(3)
