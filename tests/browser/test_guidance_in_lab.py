"""What the form tells somebody who does not know it yet, in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run, saved, without_kernel
from support.lab import Opener, OpenNotebook, axe, boxes, execute, run_all, screenshot, settled


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


def test_a_custom_size_says_what_is_legal_and_is_not_red_before_a_key(page: Page) -> None:
    tiles = page.locator(".ig-image-size")
    tiles.get_by_role("radio", name="Auto").check()
    tiles.get_by_role("radio", name="Custom").check()
    size = tiles.get_by_label("Custom size")
    expect(tiles).to_contain_text(
        "multiples of 16, longest edge 3840, ratio up to 3:1, 655,360 to 8,294,400 pixels"
    )
    expect(page.locator(".ig-status")).to_have_text("To fill in: Image Size")
    expect(size).to_have_attribute("aria-invalid", "false")
    expect(tiles.locator(".igw-problem")).to_be_hidden()
    screenshot(page, "guidance-custom-size", ".ig-form")
    assert axe(page, ".ig-image-size") == []
    size.fill("1000x1000")
    expect(tiles.locator(".igw-problem")).to_contain_text("The nearest legal size is 1008 × 1008.")


def test_a_new_variable_is_named_above_and_red_only_once_its_field_was_left(page: Page) -> None:
    prompt = page.locator(".ig-prompt textarea")
    prompt.fill("A {{colour}} hero for {{product}}")
    prompt.blur()
    value = page.get_by_label("Value of {{colour}}")
    expect(page.locator(".ig-status")).to_have_text("To fill in: {{colour}}")
    told = page.locator(".ig-value-of-colour").get_by_text("Type what {{colour}} stands for: it is empty.")
    expect(told).to_have_class("igw-hint")
    expect(prompt).to_have_attribute("aria-invalid", "false")
    expect(value).to_have_attribute("aria-invalid", "false")
    screenshot(page, "guidance-new-variable", ".ig-form")
    value.focus()
    value.blur()
    expect(told).to_have_class("igw-problem")
    expect(value).to_have_attribute("aria-invalid", "true")
    screenshot(page, "guidance-left-variable", ".ig-form")
    prompt.press("Control+Enter")
    expect(value).to_be_focused()
    value.fill("blue")
    expect(told).to_be_hidden()
    expect(page.locator(".ig-run")).to_be_enabled()


def test_after_ctrl_enter_from_far_down_the_status_is_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 900, "height": 500})
    settled(page, ".ig-name input")
    header, fails = page.locator(".ig-header"), page.locator(".ig-on-failure select")
    fails.scroll_into_view_if_needed()
    expect(page.locator(".ig-keys")).to_have_text("Ctrl+Enter")
    expect(header).not_to_be_in_viewport()
    fails.press("Control+Enter")
    expect_status(page)
    expect(page.locator(".ig-status")).to_be_in_viewport(ratio=1)
    top = header.bounding_box()["y"]
    page.locator(".ig-run").press("Control+Enter")  # in sight: nothing moves
    expect(page.get_by_text("Run 2 of 2")).to_be_visible()
    expect_status(page)
    assert header.bounding_box()["y"] == top


def test_what_a_notice_says_ends_with_an_edit_or_when_it_is_closed(page: Page) -> None:
    notice = page.locator(".ig-header .ig-notice")
    press_run(page)
    expect_status(page)
    page.get_by_role("button", name="Use these settings").click()
    expect(notice).to_contain_text("The settings and inputs of run 1 are in the form now.")
    page.locator(".ig-prompt textarea").fill("something else")
    back = notice.get_by_role("button", name="Restore my earlier settings")
    expect(back).to_be_visible()
    expect(notice).not_to_contain_text("are in the form now")
    screenshot(page, "guidance-notice-after-an-edit", ".ig-header")
    assert axe(page, ".ig-header") == []
    notice.get_by_role("button", name="Close this notice").click()
    expect(back).to_be_hidden()
    expect(page.locator(".ig-run")).to_be_focused()


def test_live_previews_say_why_there_are_none_of_two_images_and_come_back(page: Page) -> None:
    previews = page.locator(".ig-live-preview")
    box, count = previews.get_by_role("checkbox"), page.locator(".ig-image-count input")
    expect(box).to_be_disabled()
    expect(previews).to_contain_text("Only for a single image: set Image Count to 1.")
    count.fill("1")
    expect(box).to_be_enabled()
    box.check()
    count.fill("2")
    expect(box).to_be_disabled()
    expect(box).to_be_checked()
    screenshot(page, "guidance-no-previews", ".ig-how")
    assert axe(page, ".ig-live-preview") == []
    count.fill("1")
    expect(box).to_be_enabled()
    expect(previews).not_to_contain_text("Only for a single image")


def test_the_lightbox_fits_a_picture_again_and_uses_its_settings(page: Page) -> None:
    press_run(page)
    expect_status(page)
    page.get_by_role("tab", name="Settings").click()
    prompt = page.locator(".ig-prompt textarea")
    prompt.fill("Something else for {{product}}")
    page.get_by_role("tab", name="Output").click()
    page.locator(".igw-open").first.click()
    dialog = page.get_by_role("dialog")
    fit, full = (dialog.get_by_role("button", name=name, exact=True) for name in ("Fit", "100 %"))
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 1536)
    full.click()
    expect(full).to_have_attribute("aria-pressed", "true")
    fit.click()
    expect(fit).to_have_attribute("aria-pressed", "true")
    expect(full).to_have_attribute("aria-pressed", "false")
    expect(dialog.get_by_text("When the step failsTerminate Workflow")).to_be_visible()
    screenshot(page, "guidance-lightbox")
    assert axe(page, ".igw-lightbox") == []
    dialog.get_by_role("button", name="Use these settings").click()
    expect(dialog).to_be_hidden()
    expect(prompt).to_be_focused()
    expect(prompt).to_have_value("A hero image for {{product}}")


def test_a_long_name_takes_two_lines_and_is_told_in_full(page: Page) -> None:
    name = "A very long name of a step " * 11
    page.get_by_label("Name", exact=True).fill(name)
    title = page.locator(".ig-title")
    expect(title).to_contain_text("of a step A very")
    line = float(title.evaluate("(node) => parseFloat(getComputedStyle(node).lineHeight)"))
    assert title.bounding_box()["height"] <= 2 * line + 1
    assert title.get_attribute("title").strip() == name.strip()
    screenshot(page, "guidance-long-name", ".ig-header")


def test_tiles_stand_in_rows_of_equal_length(open_notebook: OpenNotebook, subtests: pytest.Subtests) -> None:
    page = opened(open_notebook, side_bar=False)
    tiles = page.locator(".ig-image-size .igw-tile")
    for width in (420, 700, 1280):
        with subtests.test(width=width):
            page.set_viewport_size({"width": width, "height": 1200})
            expect(tiles).to_have_count(5)
            settled(page, ".ig-image-size .igw-tile:last-child")
            screenshot(page, f"guidance-tiles-{width}", ".ig-image-size")
            places = boxes(*tiles.all())
            assert max(place["width"] for place in places) - min(place["width"] for place in places) < 1
            assert min(place["width"] for place in places) > 80
            tops = sorted({place["y"] for place in places})
            rows = [sum(abs(place["y"] - top) < 1 for place in places) for top in tops]
            assert all(row == rows[0] for row in rows[:-1])
            assert rows[0] - rows[-1] <= 1


def test_beside_an_open_side_bar_the_form_keeps_its_shape_and_scrolls(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(420, 900))
    output = page.locator(".jp-OutputArea-output:has(> .ig-form, .ig-form)").first
    page.wait_for_function("(node) => node.clientWidth < 120", arg=output.element_handle())
    settled(page, ".ig-run")
    assert page.locator(".ig-form").first.bounding_box()["width"] >= 260
    content, room = output.evaluate("(node) => [node.scrollWidth, node.clientWidth]")
    assert content > room
    output.evaluate("(node) => { node.scrollLeft = 60; }")
    assert output.evaluate("(node) => node.scrollLeft") == 60
    screenshot(page, "guidance-side-bar")
    form = page.locator(".ig-form").first
    assert form.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")


def test_the_label_of_a_template_is_outside_of_an_arabic_prompt(open_notebook: OpenNotebook) -> None:
    cell = FORM.replace("A hero image for {{product}}", "صورة لمنتج {{product}} في الغروب")
    page = open_notebook([cell], size=(1280, 900))
    run_all(page)
    press_run(page)
    expect_status(page)
    page.locator(".igw-open").first.click()
    text = page.locator(".igw-template p")
    expect(text).to_have_css("direction", "rtl")
    expect(text).not_to_contain_text("Template")
    label = page.locator(".igw-template").get_by_text("Template:")
    expect(label).to_have_css("direction", "ltr")
    before, after = boxes(label, text)
    assert before["x"] < after["x"] + 5
    screenshot(page, "guidance-arabic")


def test_a_notebook_without_a_kernel_cuts_no_path_and_is_dark_in_a_dark_theme(opener: Opener) -> None:
    page = opened(opener.open_notebook, dark=True)
    press_run(page)
    expect_status(page)
    document, _ = saved(page, opener)
    execute(page, "form.close()")
    opener.close(page)
    page = opener.open_file(without_kernel(document, opener), dark=True, size=(420, 1000), side_bar=False)
    expect(page.locator(".ig-fallback ol li")).to_have_count(2)
    expect(page.locator(".jp-RenderedImage img")).to_be_visible()
    listed = page.locator(".ig-fallback")
    listed.scroll_into_view_if_needed()
    screenshot(page, "guidance-reopened")
    content, room = listed.evaluate("(node) => [node.scrollWidth, node.clientWidth]")
    assert 150 < content <= room
