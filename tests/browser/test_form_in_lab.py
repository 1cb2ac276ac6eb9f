"""The form in a real JupyterLab: each rule clicked through, as a user would."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run, saved, without_kernel
from support.lab import (
    Opener,
    OpenNotebook,
    cell_count,
    clipboard,
    execute,
    run_all,
    run_cell,
    screenshot,
)


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook)


def choose(page: Page, model: str) -> None:
    """Pick a model; its entry in the list may go on with where it stands."""
    select = page.locator(".ig-model select")
    names = [label.split()[0] for label in select.locator("option").all_inner_texts()]
    select.select_option(index=names.index(model))


def test_fields_follow_the_model_and_come_back(page: Page) -> None:
    quality = page.locator(".ig-image-quality")
    quality.locator("select").select_option("high")
    choose(page, "grok-imagine-image")
    expect(quality).to_be_hidden()
    expect(page.locator(".ig-image-size")).to_be_hidden()
    choose(page, "gemini-2.5-flash-image")
    expect(page.get_by_role("group", name="Aspect Ratio")).to_be_visible()
    expect(page.locator(".ig-model-message")).to_contain_text("Use gemini-3.1-flash-lite-image")
    expect(page.locator(".ig-charge-type select option:not(:disabled)")).to_have_text(["Hosted"])
    expect(page.locator(".ig-charge-type-message")).to_contain_text("Gemini models are hosted-only")
    choose(page, "gpt-image-2")
    expect(quality).to_be_visible()
    expect(quality.locator("select")).to_have_value("high")
    assert execute(page, "print(form.step == step.replace(image_quality='high'))") == "True"


def test_formats_change_what_is_possible(page: Page) -> None:
    formats, background = page.locator(".ig-image-output-format select"), page.locator(".ig-image-background")
    background.locator("select").select_option("transparent")
    formats.select_option("jpeg")
    expect(background.locator("option:not(:disabled)")).to_have_text(["Auto", "Opaque"])
    expect(page.locator(".ig-image-background-message")).to_contain_text("JPEG has no transparency")
    formats.select_option("png")
    expect(page.locator(".ig-image-output-compression input")).to_be_disabled()
    expect(page.locator(".ig-image-output-compression-message")).to_contain_text("PNG is never compressed")
    formats.select_option("webp")
    expect(background.locator("select")).to_have_value("transparent")
    expect(page.locator(".ig-image-output-compression input")).to_have_value("80")


def test_a_run_shows_progress_images_and_paths(page: Page) -> None:
    press_run(page)
    expect(page.locator(".ig-status")).to_contain_text("running")
    expect(page.locator(".ig-cancel")).to_be_enabled()
    expect_status(page)
    expect(page.get_by_role("img", name=re.compile("hero image for a blue bottle"))).to_have_count(2)
    expect(page.locator(".ig-form")).to_contain_text("EMULATED")
    expect(page.locator(".ig-form")).to_contain_text("step_2.output")
    screenshot(page, "form-output")


def test_cancel_stops_a_run_under_way(page: Page) -> None:
    execute(page, "workspace.emulator.latency = 25")
    press_run(page)
    expect(page.locator(".ig-cancel")).to_be_enabled()
    page.locator(".ig-cancel").click()
    expect(page.locator(".ig-status")).to_contain_text("run cancelled", timeout=10_000)
    expect(page.locator(".ig-run")).to_be_enabled()
    execute(page, "workspace.emulator.latency = 0")
    press_run(page)
    expect_status(page)


def test_an_error_is_told_in_the_form_in_plain_words(page: Page) -> None:
    execute(page, "workspace.emulator.script('openai', Fault('moderation'))")
    press_run(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("rejected by the safety system")
    screenshot(page, "form-error")
    press_run(page)
    expect_status(page)
    expect(alert).to_have_count(0)


def test_a_bad_size_is_explained_where_it_is_typed(page: Page) -> None:
    page.locator(".ig-image-size").get_by_role("radio", name="Custom").check()
    field = page.locator(".ig-image-size input[type=text]")
    field.fill("1000x1000")
    expect(page.locator(".ig-image-size")).to_contain_text("The nearest legal size is 1008 × 1008.")
    expect(page.locator(".ig-run")).to_be_disabled()
    expect(page.locator(".ig-status")).to_contain_text("To fix: Image Size")
    field.fill("1008x1008")
    expect(page.locator(".ig-run")).to_be_enabled()


def test_a_variable_is_picked_and_the_prompt_resolved(page: Page) -> None:
    prompt = page.locator(".ig-prompt textarea")
    prompt.press("End")
    prompt.type(" by ")
    page.get_by_role("button", name="Insert Variable").click()
    page.keyboard.type("0.file_name")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("A hero image for {{product}} by {{step_1.output.assets.0.file_name}}")
    expect(page.locator(".ig-resolved")).to_have_text("A hero image for a blue bottle by a-logo-1.png")
    page.get_by_label("Value of {{product}}").fill("a red bottle")
    expect(page.locator(".ig-resolved")).to_contain_text("a red bottle")


def test_shortcuts_of_the_notebook_stay_quiet_while_typing(page: Page) -> None:
    before = cell_count(page)
    for field in (page.get_by_label("Name", exact=True), page.locator(".ig-prompt textarea")):
        field.click()
        page.keyboard.type("a b dd x m y")
    assert cell_count(page) == before


def test_export_download_and_import(page: Page, tmp_path: Path) -> None:
    press_run(page)
    expect_status(page)
    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("Export to").fill("hero.step.json")
    export = page.get_by_role("button", name="Export the step")
    told = (
        "Writes these settings and the output of run 1. A step file holds no image files; download those on"
    )
    expect(export).to_have_accessible_description(re.compile(re.escape(told)))
    screenshot(page, "form-export", ".ig-import-export")
    export.click()
    expect(page.locator(".ig-import-export-message")).to_contain_text("Saved run 1 to hero.step.json")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download hero.step.json").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert json.loads(file.read_text())["provenance"]["identifier"] == "step_2"
    page.locator(".ig-prompt textarea").fill("something else")
    expect(page.locator(".ig-resolved")).to_have_count(0)
    expect(page.locator(".ig-promise")).to_contain_text("no run was made with them yet")
    with page.expect_file_chooser() as chooser:
        page.locator(".ig-import button").click()
    chooser.value.set_files(file)
    expect(page.locator(".ig-prompt textarea")).to_have_value("A hero image for {{product}}")
    page.locator(".ig-python button").click()
    expect(page.locator(".ig-python")).to_contain_text("Copied")
    code = clipboard(page)
    assert page.locator(".ig-code").inner_text().strip() == code.strip()
    assert execute(page, f"print(({code}) == step)") == "True"


@pytest.mark.parametrize("save_state", [False, True], ids=["", "with-widget-state"])
def test_saved_and_reopened_without_a_kernel_the_images_stay(opener: Opener, save_state: bool) -> None:
    page = opened(opener.open_notebook, save_state=save_state)
    expect(page.locator(".ig-fallback")).to_be_hidden()
    page.locator(".ig-image-count input").fill("4")
    press_run(page)
    expect_status(page, "done: 4 of 4 images")
    document, size = saved(page, opener)
    assert ("widgets" in document["metadata"]) == save_state
    assert size < 60_000
    execute(page, "form.close()")
    opener.close(page)
    again = opener.open_file(without_kernel(document, opener))
    expect(again.locator(".ig-fallback ol li")).to_have_count(4)
    expect(again.locator(".ig-fallback")).to_be_visible()
    sheet = again.locator(".jp-RenderedImage img")
    expect(sheet).to_be_visible()
    assert sheet.evaluate("(image) => image.naturalWidth") > 4 * 240
    page_width = again.locator(".jp-OutputArea").first.evaluate(
        "(area) => [area.scrollWidth, area.clientWidth]"
    )
    assert page_width[0] <= page_width[1] + 1
    expect(again.locator(".ig-run")).to_be_hidden()
    expect(again.get_by_text("Error displaying widget")).to_be_hidden()
    screenshot(again, f"form-reopened{'-with-state' if save_state else ''}")


def test_a_notebook_of_twenty_images_stays_small(opener: Opener) -> None:
    page = opener.open_notebook([FORM, "ig.StepForm(step, workspace, inputs=inputs)"], save_state=True)
    run_all(page)
    for form in (page.locator(".ig-form").first, page.locator(".ig-form").last):
        form.locator(".ig-image-count input").fill("10")
        form.locator(".ig-run").click()
        expect(form.locator(".ig-status")).to_contain_text("done: 10 of 10 images")
    document, size = saved(page, opener)
    listed = json.dumps(document["cells"])
    assert listed.count("file_url") >= 20
    assert listed.count("image/jpeg") == 2
    assert size < 250_000


def test_it_fits_a_narrow_window(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(700, 1500))
    form = page.locator(".ig-form").first
    assert form.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")
    screenshot(page, "form-narrow")


def test_code_changes_what_the_form_shows(open_notebook: OpenNotebook) -> None:
    page = open_notebook([FORM, "form.step = form.step.replace(prompt='from code', image_count=5)"])
    run_all(page)
    run_cell(page, 1)
    expect(page.locator(".ig-prompt textarea")).to_have_value("from code")
    expect(page.locator(".ig-image-count input")).to_have_value("5")
