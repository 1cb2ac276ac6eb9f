"""The run as the unit of the form, in a real JupyterLab: pages, output, inputs, the queue."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run, show_older_run
from support.lab import OpenNotebook, axe, boxes, clipboard, execute, run_all, run_cell, screenshot, settled

SECOND = """
other = ig.StepForm(ig.ImageGenerationStep(prompt="like "), workspace,
                    inputs={"brand": {"name": "Lumen", "colours": ["red", "blue"]}}, identifier="step_3")
other
"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


def images(page: Page):
    return page.locator(".ig-gallery .igw-grid img")


def settings(page: Page) -> None:
    page.get_by_role("tab", name="Settings").click()


def test_tree_alert_and_images_are_those_of_the_run_that_is_shown(page: Page) -> None:
    tree = page.locator(".ig-output-tree")
    page.get_by_role("tab", name="Output").click()
    expect(tree.get_by_text("predicted").first).to_be_visible()
    settings(page)
    press_run(page)
    expect_status(page)
    expect(images(page)).to_have_count(2)
    expect(tree.get_by_text("predicted")).to_have_count(0)
    execute(page, "workspace.emulator.script('openai', Fault('moderation'))")
    press_run(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("rejected by the safety system of OpenAI")
    expect(alert).to_contain_text("Change the prompt")
    expect(alert.get_by_text("code: moderation_blocked")).to_be_hidden()
    alert.get_by_text("Details").click()
    expect(alert.get_by_text("code: moderation_blocked")).to_be_visible()
    expect(images(page)).to_have_count(0)
    expect(tree).to_contain_text("Output of run 2")
    expect(tree).to_contain_text("0 items")
    screenshot(page, "run-failed")
    expect(page.locator(".ig-fallback")).to_be_hidden()  # the static view of the same cell
    assert axe(page, ".igw-run-error") == []
    assert axe(page, ".igw-run-actions") == []
    page.get_by_role("button", name="Older run").click()
    expect(images(page)).to_have_count(2)
    # Beside Run stands what became of the newest run, on a run what became of that.
    expect(page.locator(".ig-status")).to_contain_text("run 2 failed: 0 of 2 images")
    expect(page.locator(".igw-head")).to_contain_text(re.compile(r"2 of 2 images · [0-9.]+ s"))
    expect(alert).to_have_count(0)
    expect(tree).to_contain_text("Output of run 1")
    expect(tree).to_contain_text("2 items")
    settings(page)
    page.locator(".ig-image-quality select").select_option("high")
    page.get_by_role("tab", name="Output").click()
    expect(page.get_by_text("Settings changed since this run.")).to_be_visible()
    expect(tree.get_by_text("predicted")).to_have_count(0)
    screenshot(page, "run-settings-changed")
    execute(page, "workspace.emulator.latency = 20")
    page.get_by_role("button", name="Newer run").click()
    expect(alert).to_be_visible()
    press_run(page)
    expect(alert).to_have_count(0)
    expect(page.locator(".igw-pending")).to_have_count(2)
    expect(page.locator(".ig-form").get_by_role("progressbar")).to_have_count(1)
    expect(page.locator(".ig-elapsed")).to_have_text(re.compile("[1-9] s"))
    expect(page.locator(".igw-elapsed")).to_be_hidden()  # one clock
    screenshot(page, "run-under-way")
    cancel = page.get_by_role("button", name=re.compile("Cancel"))
    expect(cancel).to_have_count(1)
    cancel.click()
    expect(page.locator(".ig-status")).to_contain_text("run 3 cancelled")


def test_an_earlier_run_becomes_the_output_and_copied_paths_say_whose_they_are(page: Page) -> None:
    for quality in ("low", "high"):
        settings(page)
        page.locator(".ig-image-quality select").select_option(quality)
        press_run(page)
        expect(page.get_by_text("Making 2 images")).to_be_visible()
        expect_status(page)
    expect(page.get_by_text("the output", exact=True)).to_be_visible()
    page.get_by_role("button", name="Older run").click()
    expect(page.get_by_text("Run 1 of 2")).to_be_visible()
    path = page.get_by_role("button", name="Copy variable path {{step_2.output.assets.0.file_url}}").first
    # Seen before it is copied, wherever that is: it is not this image's own.
    says = "{{step_2.output.assets.0.file_url}} means run 2, the output, and not this image"
    expect(path).to_have_accessible_name(f"Copy variable path {says}")
    for width in (200, 420, 1000):
        page.locator(".ig-gallery").evaluate("(node, width) => { node.style.width = `${width}px`; }", width)
        expect(path.get_by_text("means run 2")).to_be_visible()
        settled(page, ".igw-path")
        screenshot(page, f"run-path-of-another-{width}", ".ig-gallery")
        pill, button, text = boxes(path.locator("em"), path, path.locator("code"))
        assert text["width"] > 40
        assert text["x"] < button["x"] + 40  # beside its icon
        assert text["y"] + text["height"] <= pill["y"]  # neither lies over the other, and none is cut
        assert pill["x"] + pill["width"] <= button["x"] + button["width"]
        assert pill["y"] + pill["height"] <= button["y"] + button["height"]
    page.locator(".ig-gallery").evaluate("(node) => { node.style.width = ''; }")
    assert axe(page, ".igw-grid") == []
    page.get_by_role("button", name="More for hero-image-1.webp").click()
    expect(page.get_by_role("menuitem", name="Copy variable path (of run 2, the output)")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="(1 of 2)").click()
    expect(page.get_by_role("dialog")).to_contain_text("Copy variable path (of run 2, the output)")
    page.keyboard.press("Escape")
    settled(page, ".igw-path")
    path.click()
    told = "Copied {{step_2.output.assets.0.file_url}}. These paths mean run 2, which is the output."
    expect(page.get_by_text(told)).to_be_visible()
    expect(path.get_by_text("Copied", exact=True)).to_be_visible()
    screenshot(page, "run-path-copied", ".ig-gallery")
    expect(path.get_by_text("Copied", exact=True)).to_have_count(0)
    assert clipboard(page) == "{{step_2.output.assets.0.file_url}}"
    make = page.get_by_role("button", name="Make this the output")
    make.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Run 1 is the output")).to_be_visible()
    expect(make).to_have_count(0)
    expect(page.locator(".ig-gallery :focus")).to_have_count(1)
    assert execute(page, "print(form.run_result.step.image_quality)") == "low"
    path.click()
    expect(page.get_by_text(told)).to_have_count(0)
    expect(page.get_by_text("means run")).to_have_count(0)
    screenshot(page, "run-is-the-output")


def test_the_run_that_is_looked_at_is_exported_or_its_images_downloaded(page: Page) -> None:
    for count in ("1", "2"):
        settings(page)
        page.locator(".ig-image-count input").fill(count)
        press_run(page)
        expect_status(page, f"done: {count} of {count} image")
    expect(page.get_by_text("the output", exact=True)).to_be_visible()  # once
    expect(page.get_by_text("it is the output")).to_have_count(0)
    expect(page.get_by_role("button", name="Download 2 images")).to_be_visible()
    page.get_by_role("button", name="Older run").click()
    expect(page.get_by_text("Later steps see run 2, the output, and not this one.")).to_be_visible()
    settled(page, ".igw-run-actions")
    page.get_by_role("button", name="Export this run").click()
    notice = page.locator(".ig-header .ig-notice")
    expect(notice).to_contain_text("Saved run 1 to hero-image.step.json, with the output of 1 image.")
    with page.expect_download() as download:
        notice.get_by_role("link", name="Download hero-image.step.json").click()
    assert download.value.suggested_filename == "hero-image.step.json"
    screenshot(page, "run-exported")
    assert axe(page, ".ig-gallery") == []
    assert axe(page, ".ig-header") == []
    page.get_by_role("button", name="Export this run").click()
    expect(notice).to_contain_text("hero-image.step.json is there already. Nothing was written.")
    notice.get_by_role("button", name="Save as hero-image-2.step.json").click()
    expect(notice.get_by_role("link")).to_have_text("Download hero-image-2.step.json")
    screenshot(page, "run-exported-twice")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download image", exact=True).click()
    run_id = execute(page, "print(form.runs[0].id[:6])")
    assert download.value.suggested_filename == f"hero-image-{run_id}-1.webp"


def test_settings_and_inputs_of_a_failed_run_come_back_and_the_focus_goes_there(page: Page) -> None:
    execute(page, "workspace.emulator.script('openai', Fault('server_error'))")
    value = page.get_by_label("Value of {{product}}")
    value.fill("")
    expect(page.locator(".ig-resolved")).to_have_text("A hero image for ")
    press_run(page)
    expect(page.get_by_role("alert")).to_be_visible()
    settings(page)
    value.fill("a red bottle")
    page.locator(".ig-image-count input").fill("3")
    page.locator(".ig-prompt textarea").fill("Something else for {{product}}")
    page.get_by_role("tab", name="Output").click()
    page.set_viewport_size({"width": 1280, "height": 500})
    use = page.get_by_role("button", name="Use these settings")
    use.focus()
    page.keyboard.press("Enter")
    prompt = page.locator(".ig-prompt textarea")
    expect(prompt).to_be_focused()
    expect(page.locator(".ig-header .ig-notice")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 1500})
    expect(prompt).to_have_value("A hero image for {{product}}")
    expect(value).to_have_value("")
    expect(page.locator(".ig-image-count input")).to_have_value("2")
    notice = page.locator(".ig-header .ig-notice")
    expect(notice).to_contain_text("The settings and inputs of run 1 are in the form now.")
    page.get_by_role("tab", name="Output").click()
    expect(page.get_by_text("are in the form now")).to_have_count(1)
    settings(page)
    screenshot(page, "run-settings-used")
    assert axe(page, ".ig-header") == []
    undo = notice.get_by_role("button", name="Undo", exact=True)
    expect(undo).to_be_in_viewport()
    undo.focus()
    page.keyboard.press("Enter")
    expect(notice).to_contain_text("Your earlier settings and inputs are restored.")
    expect(notice.get_by_role("button", name="Redo", exact=True)).to_be_focused()
    expect(prompt).to_have_value("Something else for {{product}}")
    expect(value).to_have_value("a red bottle")
    page.get_by_role("button", name="Redo", exact=True).click()
    expect(value).to_have_value("")
    page.get_by_role("tab", name="Output").click()
    page.get_by_role("button", name="Try again (same settings)").click()
    expect_status(page)
    expect(notice).to_be_hidden()
    page.get_by_role("button", name="Run again (same settings)").click()
    expect(page.get_by_text("Run 3 of 3")).to_be_visible()
    expect_status(page)


def test_runs_wait_for_their_turn_and_can_be_taken_out(page: Page) -> None:
    execute(page, "workspace.emulator.latency = 25")
    for _ in range(3):
        press_run(page)
    expect(page.locator(".ig-status")).to_contain_text("running: 0 of 2 images · 2 waiting")
    expect(page.get_by_text("Run 1 of 3")).to_be_visible()
    page.get_by_role("button", name="Newer run").click()
    expect(page.get_by_text("Waiting: 2 images")).to_be_visible()
    screenshot(page, "run-waiting")
    assert axe(page, ".igw-run-actions") == []
    page.get_by_role("button", name="Remove from the queue").click()
    expect(page.locator(".ig-status")).to_contain_text("1 waiting")
    page.get_by_role("button", name="Older run").click()
    execute(page, "workspace.emulator.latency = 0")
    page.get_by_role("button", name="Cancel only this run").click()
    expect_status(page)
    expect(page.get_by_text("Run 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Newer run").click()
    expect(images(page)).to_have_count(2)
    execute(page, "workspace.emulator.latency = 25")
    press_run(page)
    press_run(page)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator(".ig-status")).to_contain_text("run 3 cancelled")
    expect(page.locator(".ig-run")).to_be_enabled()


def test_a_variable_that_leads_nowhere_is_told_before_the_run(page: Page, subtests: pytest.Subtests) -> None:
    wrong = {
        "A hero for {{produt}}": "the nearest available path is {{product}}",
        "A hero for {{product": "{{product is not closed. Write {{product}}",
        "A hero for {product}": "{product} has single braces. Write {{product}}",
    }
    for number, (prompt, told) in enumerate(wrong.items()):
        with subtests.test(prompt):
            page.locator(".ig-prompt textarea").fill(prompt)
            expect(page.locator(".ig-prompt")).to_contain_text(told)
            screenshot(page, f"run-variable-{number}")
            page.locator(".ig-image-count input").press("Control+Enter")
            expect(page.locator(".ig-prompt textarea")).to_be_focused()
            assert execute(page, "print(workspace.emulator.count('openai'))") == "1"  # step_1 of the cell


def test_the_next_form_offers_this_ones_run_and_what_is_in_an_input(open_notebook: OpenNotebook) -> None:
    page = open_notebook([FORM, SECOND], size=(1280, 1500))
    run_all(page)
    first, second = page.locator(".ig-form").first, page.locator(".ig-form").last
    first.locator(".ig-run").click()
    expect(first.locator(".ig-status")).to_contain_text("done: 2 of 2 images")
    prompt = second.locator(".ig-prompt textarea")
    prompt.press("End")
    second.get_by_role("button", name="Insert Variable").click()
    expect(page.get_by_role("option").filter(has_text="brand.colours.1")).to_be_visible()
    page.keyboard.type("step_2 0.file_name")
    screenshot(page, "run-picker")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("like {{step_2.output.assets.0.file_name}}")
    expect(second.locator(".ig-resolved")).to_have_text("like hero-image-1.webp")


def test_forms_without_a_name_get_one_by_their_cell(open_notebook: OpenNotebook) -> None:
    cells = [
        FORM.replace(', identifier="step_2"', "").replace('"step_1": step_1', '"earlier": step_1'),
        "other = ig.StepForm(ig.ImageGenerationStep(prompt='x'), workspace)\nother",
    ]
    page = open_notebook(cells)
    run_all(page)
    run_cell(page, 1)  # once more: the name stays
    assert execute(page, "print(form.identifier, other.identifier)") == "step_1 step_2"
    page.locator(".ig-form").first.locator(".ig-run").click()
    expect(page.locator(".ig-form").first.locator(".ig-status")).to_contain_text("done: 2 of 2 images")
    variables = "other.panel.fields['prompt'].control.variables"
    states = f"print([v['state'] for v in {variables} if '0.file_url' in v['path']])"
    assert execute(page, states) == "['confirmed']"


def test_the_chosen_output_is_what_later_steps_see_and_an_export_writes(open_notebook: OpenNotebook) -> None:
    page = open_notebook([FORM, SECOND.replace("like ", "like {{step_2.output.settings.image_quality}}")])
    run_all(page)
    first, second = page.locator(".ig-form").first, page.locator(".ig-form").last
    resolved = second.locator(".ig-resolved")
    for number, quality in enumerate(("low", "high"), 1):
        first.get_by_role("tab", name="Settings").click()
        first.locator(".ig-image-quality select").select_option(quality)
        first.locator(".ig-run").click()
        expect(resolved).to_have_text(f"like {quality}")
        expect(first.locator(".igw-head")).to_contain_text("2 of 2 images")
        if number == 2:
            expect(first.get_by_text("Run 2 of 2")).to_be_visible()
    show_older_run(first)
    first.get_by_role("button", name="Make this the output").click()
    expect(resolved).to_have_text("like low")
    first.get_by_role("button", name="Use these settings").click()
    expect(first.locator(".ig-promise")).to_contain_text("Writes these settings and the output of run 1.")
    first.get_by_label("Export to").fill("chosen.step.json")
    first.locator(".ig-export").click()
    expect(first.locator(".ig-import-export-message")).to_contain_text("Saved run 1 to chosen.step.json")
    read = "import json; print(json.load(open('chosen.step.json'))['output']['settings']['image_quality'])"
    assert execute(page, read) == "low"
