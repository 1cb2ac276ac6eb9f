"""The form in Notebook 7: one document a page, and keys taken earlier; and in notebooks nobody trusts."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from support.form_page import expect_status, opened, press_run, saved, without_kernel
from support.lab import Host, Opener, cell_count, execute, screenshot

TRUSTED = "() => jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted"


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_images_are_looked_at_and_keys_stay_in_the_dialog(opener: Opener, host: Host) -> None:
    page = opened(opener.open_notebook, host=host)
    expect(page.locator(".ig-fallback")).to_be_hidden()
    press_run(page)
    expect_status(page)
    page.locator(".jp-InputPrompt").first.click()  # the notebook is in command mode now
    page.locator(".ig-gallery .igw-grid img").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 1536)
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_text("2 of 2", exact=True)).to_be_visible()
    page.keyboard.press("b")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("b")
    assert cell_count(page) == 1
    screenshot(page, f"{host}-form-output")


def test_a_run_is_cancelled_and_another_made(opener: Opener) -> None:
    page = opened(opener.open_notebook, host="notebook")
    execute(page, "workspace.emulator.latency = 25")
    press_run(page)
    page.locator(".ig-cancel").click()
    expect(page.locator(".ig-status")).to_contain_text("run cancelled", timeout=10_000)
    execute(page, "workspace.emulator.latency = 0")
    press_run(page)
    expect_status(page)


def test_settings_are_typed_and_become_the_step(opener: Opener) -> None:
    page = opened(opener.open_notebook, host="notebook")
    prompt = page.locator(".ig-prompt textarea")
    prompt.fill("")
    page.keyboard.type("a b dd x m {{product}}")
    expect(page.locator(".ig-resolved")).to_have_text("a b dd x m a blue bottle")
    page.locator(".ig-image-quality select").select_option("high")
    page.locator(".ig-image-count input").fill("3")
    page.locator(".ig-image-count input").blur()
    for control in (".ig-charge-type select", ".ig-tile-choice input"):
        page.locator(control).first.focus()
        page.keyboard.press("b")
    assert cell_count(page) == 1
    press_run(page)
    expect_status(page, "done: 3 of 3 images")
    seen = execute(page, "print(form.step.prompt, form.step.image_quality, form.step.image_count)")
    assert seen == "a b dd x m {{product}} high 3"


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_an_untrusted_copy_shows_the_thumbnails_and_runs_nothing(opener: Opener, host: Host) -> None:
    page = opened(opener.open_notebook, host=host)
    press_run(page)
    expect_status(page)
    document, size = saved(page, opener)
    assert size < 60_000
    copy = opener.folder / f"untrusted-{host}.ipynb"
    document["metadata"]["copied"] = "so the signature of what was run here does not fit"
    copy.write_text(json.dumps(document))
    opener.close(page)
    again = opener.open_file(copy, host=host)
    assert again.evaluate(TRUSTED) is False
    expect(again.locator(".ig-fallback")).to_contain_text("2 of 2 images")
    pictures = again.locator(".jp-RenderedImage img")
    expect(pictures).to_have_count(1)
    expect(pictures.first).to_be_visible()
    expect(pictures.first).to_have_js_property("complete", True)
    assert pictures.evaluate_all("(images) => images.every((image) => image.naturalWidth > 0)")
    expect(again.locator(".ig-run")).to_have_count(0)
    screenshot(again, f"{host}-untrusted")


def test_saved_and_reopened_without_a_kernel_the_images_stay(opener: Opener) -> None:
    page = opened(opener.open_notebook, host="notebook")
    press_run(page)
    expect_status(page)
    document, _ = saved(page, opener)
    execute(page, "form.close()")
    opener.close(page)
    again = opener.open_file(without_kernel(document, opener), host="notebook")
    expect(again.locator(".ig-fallback ol li")).to_have_count(2)
    expect(again.locator(".jp-RenderedImage img")).to_be_visible()
    expect(again.get_by_text("Error displaying widget")).to_be_hidden()
    screenshot(again, "notebook-reopened")
