"""The viewer in a real JupyterLab: zoom, prompt and settings, and comparison."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from support.gallery_page import asked, entries, open_gallery, sizes
from support.lab import OpenNotebook, axe, boxes, clipboard, screenshot


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return open_gallery(open_notebook)


def test_what_is_on_in_the_viewer_is_filled_and_has_no_ring(page: Page):
    page.get_by_role("button", name="at dusk (2 of 4)").click()
    dialog = page.get_by_role("dialog")
    off = dialog.get_by_role("button", name="100 %").evaluate(
        "(node) => getComputedStyle(node).backgroundColor"
    )
    for name in ("Fit", "Prompt and settings"):
        on = dialog.get_by_role("button", name=name, exact=True)
        expect(on).to_have_attribute("aria-pressed", "true")
        expect(on).to_have_css("box-shadow", "none")
        expect(on).to_have_css("border-top-color", "rgba(0, 0, 0, 0)")
        assert on.evaluate("(node) => getComputedStyle(node).backgroundColor") != off
    page.keyboard.press("s")
    # The button says what the entry of the menu says.
    expect(dialog.get_by_role("button", name="Remove the star")).to_be_visible()
    screenshot(page, "lightbox-starred")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More for square-2.png").click()
    expect(page.get_by_role("menuitem", name="Remove the star")).to_be_visible()


def test_a_picture_is_enlarged_by_wheel_and_keys_and_moved(page: Page):
    page.get_by_role("button", name="at dusk (2 of 4)").click()
    dialog = page.get_by_role("dialog")
    picture = dialog.get_by_role("img")
    expect(picture).to_have_js_property("naturalWidth", 1024)
    fitted = picture.bounding_box()["width"]
    assert axe(page, ".igw-lightbox") == []
    stage = dialog.locator(".igw-stage").bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*middle)
    page.mouse.wheel(0, -600)
    expect(page.locator(".igw-stage")).to_have_class(re.compile("igw-zoomed"))
    enlarged = picture.bounding_box()
    assert enlarged["width"] > 2 * fitted
    page.mouse.down()
    page.mouse.move(middle[0] - 120, middle[1] - 60, steps=4)
    page.mouse.up()
    moved = picture.bounding_box()
    assert abs(enlarged["x"] - moved["x"] - 120) < 2
    assert abs(enlarged["y"] - moved["y"] - 60) < 2
    screenshot(page, "lightbox-enlarged")
    # By keyboard: what is enlarged takes arrow keys, and 0 fits it again.
    enlarged_stage = dialog.get_by_role("group", name="Enlarged image: arrow keys move it")
    enlarged_stage.focus()
    page.keyboard.press("ArrowLeft")
    assert picture.bounding_box()["x"] > moved["x"]
    expect(dialog.get_by_text("2 of 4", exact=True)).to_be_visible()
    page.keyboard.press("0")
    assert abs(picture.bounding_box()["width"] - fitted) < 1
    page.keyboard.press("1")
    expect(dialog.get_by_role("button", name="100 %")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("-")
    page.keyboard.press("0")
    dialog.get_by_role("button", name="Zoom in").click()
    assert abs(picture.bounding_box()["width"] - 1.25 * fitted) < 2
    dialog.get_by_role("button", name="Full screen").click()
    expect(dialog.get_by_role("button", name="Full screen")).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("button", name="Full screen").click()
    expect(dialog.get_by_role("button", name="Full screen")).to_have_attribute("aria-pressed", "false")


def test_the_viewer_shows_its_keys_and_begins_with_the_picture(page: Page):
    page.set_viewport_size({"width": 1280, "height": 560})  # the details have to be scrolled
    page.get_by_role("button", name="at dusk (2 of 4)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_focused()
    pane = page.get_by_role("region", name="Prompt and settings")
    expect(pane.get_by_text("Image Size")).to_be_attached()
    pane.evaluate("(node) => node.scrollTo(0, 300)")
    assert pane.evaluate("(node) => node.scrollTop") > 0
    page.keyboard.press("ArrowRight")
    expect(dialog).to_have_accessible_name("square-3.png, image 3 of 4")
    expect(pane).to_have_js_property("scrollTop", 0)
    # Beside the picture keys are for reading and typing.
    star, note = dialog.get_by_role("button", name="Star").first, pane.get_by_role("textbox", name="Note")
    pane.get_by_role("button", name="Copy prompt").focus()
    for key in ("s", "i", "?", "ArrowRight"):
        page.keyboard.press(key)
    expect(pane).to_be_visible()
    expect(dialog).to_have_accessible_name("square-3.png, image 3 of 4")
    expect(star).to_have_attribute("aria-pressed", "false")
    dialog.focus()
    page.keyboard.press("n")
    expect(note).to_be_focused()
    expect(note).to_have_value("")
    dialog.focus()
    keys, button = (
        dialog.get_by_role("group", name="Keys", exact=True),
        dialog.get_by_role("button", name="Keys"),
    )
    page.keyboard.press("?")
    expect(keys).to_contain_text("Previous, next image")
    expect(button).to_have_attribute("aria-expanded", "true")
    screenshot(page, "lightbox-keys")
    assert axe(page, ".igw-key-help") == []
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    button.click()
    expect(keys).to_be_visible()
    button.click()
    expect(keys).to_be_hidden()
    pane.evaluate("(node) => node.scrollTo(0, 300)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="at dusk (3 of 4)").click()
    expect(pane.get_by_text("Image Size")).to_be_attached()
    expect(pane).to_have_js_property("scrollTop", 0)
    page.keyboard.press("Escape")


def test_in_a_narrow_window_the_dialogs_keep_rows_and_words_whole(page: Page):
    page.set_viewport_size({"width": 420, "height": 850})
    for place in (0, -1):
        entries(page).nth(place).focus()
        page.keyboard.press(" ")
    page.get_by_role("group", name="Selected images").get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog")
    label = dialog.get_by_role("rowheader", name="Image Quality")
    expect(label).to_be_visible()
    cell = dialog.get_by_role("rowheader", name="Prompt")
    assert (
        cell.evaluate(
            "(node) => { const r = document.createRange(); r.selectNodeContents(node);"
            " return r.getClientRects().length; }"
        )
        == 1
    )
    screenshot(page, "compare-narrow")
    page.keyboard.press("Escape")
    entries(page).first.focus()
    page.keyboard.press("Enter")
    expect(dialog).to_have_accessible_name("square-1.png, image 1 of 4")
    actions = dialog.locator(".igw-dialog-actions").get_by_role("button").all()
    assert len(actions) == 10
    assert len({round(box["y"]) for box in boxes(*actions)}) == 1
    screenshot(page, "lightbox-narrow")
    page.keyboard.press("Escape")


def test_prompt_and_settings_stand_beside_the_picture(page: Page):
    page.get_by_role("button", name="at dusk (2 of 4)").click()
    pane = page.get_by_role("region", name="Prompt and settings")
    expect(pane).to_contain_text("A hero image for a blue bottle, at dusk")
    expect(pane).to_contain_text("Image Size1024 × 1024")
    pane.get_by_role("button", name="Copy prompt").click()
    expect(page.get_by_role("dialog").get_by_text("Copied", exact=False)).to_be_visible()
    assert clipboard(page) == "A hero image for a blue bottle, at dusk"
    note = pane.get_by_role("textbox", name="Note")
    note.fill("the best so far")
    expect(pane.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    asked(page, "list(gallery.notes.values())", "['the best so far']")
    note.press("End")
    note.press("!")
    expect(pane.get_by_role("status").filter(has_text="Saved")).to_have_count(0)
    note.press("Backspace")
    pane.get_by_role("button", name="Star").click()
    asked(page, "[asset.file_name for asset in gallery.starred]", "['square-2.png']")
    page.keyboard.press("Escape")
    asked(page, "list(gallery.notes.values())", "['the best so far']")
    expect(page.get_by_role("button", name="at dusk (2 of 4)")).to_be_focused()
    expect(page.locator(".igw-remark")).to_have_text("the best so far")
    page.get_by_role("button", name="More for square-2.png").click()
    expect(page.get_by_role("menuitem", name="Edit the note…")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More for square-1.png").click()
    page.get_by_role("menuitem", name="Note…").click()
    expect(note).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_accessible_name("square-1.png, image 1 of 4")
    page.keyboard.type("too dark")
    expect(pane.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    screenshot(page, "lightbox-note")
    assert axe(page, ".igw-lightbox") == []
    page.keyboard.press("Escape")
    asked(page, "list(gallery.notes.values())", "['too dark', 'the best so far']")
    expect(page.get_by_role("button", name="Star square-2.png")).to_have_attribute("aria-pressed", "true")
    assert axe(page, ".ig-gallery") == []


def test_two_pictures_are_compared_in_both_ways_with_what_differs(page: Page):
    options = entries(page)
    expect(options).to_have_count(7)
    options.first.click(modifiers=["Control"])
    expect(page.get_by_text("1 selected: one more to compare")).to_be_visible()
    options.last.click(modifiers=["Control"])
    expect(page.get_by_text("2 selected")).to_be_visible()
    screenshot(page, "picture-selected", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    page.get_by_role("group", name="Selected images").get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog")
    expect(page.get_by_role("slider")).to_be_focused()
    table = dialog.get_by_role("table")
    expect(table.get_by_role("row").filter(has_text="Image Size")).to_have_text(
        "Image Size1024 × 10241536 × 1024"
    )
    expect(table).to_contain_text("Image Quality")
    expect(table.locator("mark").first).to_be_visible()
    expect(dialog).to_contain_text(re.compile(r"\d other settings are the same"))
    screenshot(page, "compare-slider")
    assert axe(page, ".igw-compare") == []
    both = dialog.get_by_role("img")
    before = sizes(both)
    box = dialog.locator(".igw-compare-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -500)
    after = sizes(both)
    by = [new[0] / old[0] for new, old in zip(after, before, strict=True)]
    assert by[0] > 1.5
    assert abs(by[0] - by[1]) < 0.02
    dialog.get_by_role("radio", name="Side by side").check(force=True)
    expect(page.get_by_role("slider")).to_be_hidden()
    left, right = boxes(*both.all())
    assert left["x"] + left["width"] / 2 < right["x"] + right["width"] / 2
    assert axe(page, ".igw-compare") == []
    # Pictures that differ in size are not enlarged alike.
    expect(dialog.locator(".igw-percent")).to_have_text(re.compile(r"^\d+ / \d+ %$"))
    page.keyboard.press("?")
    expect(dialog.get_by_text("Zoom in, out")).to_be_visible()
    expect(dialog.get_by_text("Move the divider")).to_be_hidden()
    page.keyboard.press("Escape")
    page.mouse.wheel(0, -500)
    screenshot(page, "compare-side")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    compare = page.get_by_role("group", name="Selected images").get_by_role("button", name="Compare")
    expect(compare).to_be_focused()
    page.keyboard.press("Escape")
    expect(compare).to_be_hidden()
    expect(options.first).to_have_attribute("aria-selected", "false")


def test_a_comparison_asks_for_the_second_picture_and_never_offers_the_first(page: Page):
    def menu(name: str) -> Locator:
        page.get_by_role("button", name=f"More for {name}").click()
        return page.get_by_role("menuitem", name=re.compile("[Cc]ompare"))

    menu("square-1.png").click()
    asks = page.get_by_role("status").filter(has_text="Pick the image to compare with square-1.png.")
    expect(asks).to_be_visible()
    expect(page.locator(".igw-asks")).to_be_in_viewport()
    screenshot(page, "compare-asks", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    expect(menu("square-1.png")).to_have_text("Do not compare")
    page.keyboard.press("Escape")
    expect(menu("square-2.png")).to_have_text("Compare with square-1.png")
    page.keyboard.press("Escape")
    page.get_by_role("group", name="Compare").get_by_role("button", name="Cancel").click()
    expect(asks).to_be_hidden()
    expect(page.get_by_role("button", name="at dusk (1 of 4)")).to_be_focused()
    menu("square-1.png").click()
    menu("square-1.png").click()
    expect(asks).to_be_hidden()
