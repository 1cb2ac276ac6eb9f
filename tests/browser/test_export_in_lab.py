"""Export and import in a real JupyterLab: what is told of them, and for how long it holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run, show_older_run
from support.lab import OpenNotebook, axe, execute, run_all, screenshot, settled


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


def settings(page: Page) -> None:
    page.get_by_role("tab", name="Settings").click()


def test_an_exports_report_names_its_run_and_folds_when_something_else_is_shown(page: Page) -> None:
    message = page.locator(".ig-import-export-message")
    for count in ("1", "2"):
        settings(page)
        page.locator(".ig-image-count input").fill(count)
        press_run(page)
        expect_status(page, f"done: {count} of {count} image")
    settings(page)
    page.get_by_label("Export to").fill("mine.step.json")
    page.locator(".ig-export").click()
    expect(message).to_contain_text("Saved run 2 to mine.step.json, with the output of 2 images.")
    expect(message).to_have_role("status")
    page.get_by_role("tab", name="Output").click()
    show_older_run(page)
    expect(page.get_by_text("Run 1 of 2")).to_be_visible()
    settings(page)
    earlier = "Earlier export: run 2 in mine.step.json."
    expect(message).to_contain_text(earlier)
    expect(message).not_to_contain_text("Saved")
    expect(message).to_have_role("note")
    expect(message.get_by_role("link", name="Download mine.step.json")).to_be_visible()
    screenshot(page, "export-folded", ".ig-import-export")
    assert axe(page, ".ig-import-export") == []
    page.locator(".ig-image-count input").fill("3")
    page.get_by_label("Export to").fill("third.step.json")
    page.locator(".ig-export").click()
    expect(message).to_contain_text("Saved the settings to third.step.json, without an output")
    expect(message).not_to_contain_text("mine")
    page.locator(".ig-prompt textarea").fill("something else")
    expect(message).to_contain_text("Earlier export: settings without an output in third.step.json.")


def test_the_whole_name_of_the_file_is_read_in_a_narrow_form(open_notebook: OpenNotebook) -> None:
    cell = FORM.replace("Hero image", "An autumn campaign hero image for the blue bottle")
    page = open_notebook([cell], size=(420, 1500), side_bar=False)
    run_all(page)
    field = page.get_by_label("Export to")
    suggested = field.get_attribute("placeholder")
    assert len(suggested) > 45
    field.scroll_into_view_if_needed()
    settled(page, ".ig-path textarea")
    fits = "(node) => node.scrollWidth <= node.clientWidth && node.scrollHeight <= node.clientHeight + 1"
    assert field.evaluate(fits)
    screenshot(page, "export-name-420", ".ig-import-export")
    field.press_sequentially(suggested)
    field.press("Enter")
    expect(field).to_have_value(suggested)
    assert field.evaluate(fits)
    assert page.locator(".ig-form").first.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")
    page.locator(".ig-export").click()
    expect(page.locator(".ig-import-export-message")).to_contain_text(suggested)
    assert suggested in execute(page, "import os; print(os.listdir())")


def test_an_image_with_its_step_in_it_is_imported_however_long_it_is(page: Page, tmp_path: Path) -> None:
    code = """
fox = ig.ImageGenerationStep(prompt="a fox in {{product}}", image_output_format="png")
run = fox.run({"product": "a box"}, workspace=ig.Workspace("elsewhere", backend="emulator"))
path = run.output.assets[0].save("fox.png", embed=True)
print(path.resolve())
"""
    file = tmp_path / "fox.png"
    shutil.copy(execute(page, code), file)
    page.locator(".ig-path textarea").scroll_into_view_if_needed()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import a file…").click()
    chooser.value.set_files(file)
    expect(page.locator(".ig-prompt textarea")).to_have_value("a fox in {{product}}")
    expect(page.locator(".ig-resolved")).to_have_text("a fox in a box")
    expect(page.locator(".ig-import-export-message")).to_contain_text("Imported fox.png")
    page.get_by_role("button", name="Undo the import").click()
    expect(page.locator(".ig-prompt textarea")).to_have_value("A hero image for {{product}}")
    # A file of several messages arrives whole: this one is refused for what it says, and not for its length.
    file.write_bytes(file.read_bytes()[:8] + bytes(9_000_000))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import a file…").click()
    chooser.value.set_files(file)
    expect(page.locator(".ig-import-export").get_by_role("alert")).to_contain_text("image")
