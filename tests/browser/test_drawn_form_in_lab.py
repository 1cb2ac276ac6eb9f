"""The form as marimo and Colab show it, in JupyterLab, whose manager of widgets is like Colab's."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run
from support.lab import OpenNotebook, dress, examine, execute, screenshot

DRAWN = FORM.rpartition("form\n")[0] + "form._display_()"


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, DRAWN, size=(1280, 1700))


def is_legible(page: Page) -> None:
    examined = examine(page, ".ig-form")
    assert examined.wrong == []
    assert examined.contrasts[0] >= 4.5


def test_it_is_filled_in_and_run(page: Page) -> None:
    is_legible(page)
    prompt = page.locator(".ig-prompt textarea")
    prompt.fill("A lamp for {{product}} and {{place}}")
    page.get_by_label("Value of {{place}}").fill("a hall")
    expect(page.locator(".ig-resolved")).to_have_text("A lamp for a blue bottle and a hall")
    press_run(page)
    expect_status(page)
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(2)
    settings, output = page.get_by_role("tab", name="Settings"), page.get_by_role("tab", name="Output")
    expect(output).to_have_attribute("aria-selected", "true")
    screenshot(page, "drawn-form-output")
    output.focus()
    page.keyboard.press("ArrowLeft")
    expect(settings).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Settings")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Output")).to_be_hidden()
    assert execute(page, "print(form.run_result.prompt)") == "A lamp for a blue bottle and a hall"
    screenshot(page, "drawn-form-settings")
    dress(page, dark=True)
    is_legible(page)
    output.click()
    is_legible(page)
    screenshot(page, "drawn-form-output-dark")
