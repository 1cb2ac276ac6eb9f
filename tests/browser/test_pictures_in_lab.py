"""Pictures in a real JupyterLab: sizes, zoom, comparison, history, and how they stay without a kernel."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import FORM, expect_status, press_run
from support.lab import OpenNotebook, axe, clipboard, execute, run_all, screenshot, settled

SETUP = """
import dataclasses, imagegen_nb as ig
workspace = ig.Workspace("assets", backend="emulator")
def run(count, size="1024x1024", **settings):
    settings = {"prompt": "A hero image for a blue bottle, at dusk", **settings}
    step = ig.ImageGenerationStep(image_count=count, image_size=size, **settings)
    return step.run(workspace=workspace, identifier="step_2")
"""
RUNS = """
red = "A wide hero image for a red bottle, at dawn"
wide = run(1, "1536x1024", name="Wide", image_quality="high", prompt=red)
pair = run(2, "1024x1536", name="Tall")
four = run(4, name="Square")
gallery = ig.Gallery([wide, pair, four])
gallery
"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    page = open_notebook([SETUP, RUNS])
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    return page


def pictures(page: Page) -> Locator:
    return page.locator(".ig-gallery .igw-grid img")


def entries(page: Page) -> Locator:
    return page.get_by_role("listbox", name="History").get_by_role("option")


def sizes(images: Locator) -> list[tuple[int, int]]:
    boxes = [image.bounding_box() for image in images.all()]
    return [(round(box["width"]), round(box["height"])) for box in boxes if box]


def tops(images: Locator) -> set[int]:
    return {round(image.bounding_box()["y"]) for image in images.all()}


def asked(page: Page, expression: str, wanted: str) -> None:
    """What Python says, once the messages of the page have arrived there."""
    for _ in range(100):
        if (said := execute(page, f"print({expression})")) == wanted:
            return
        page.wait_for_timeout(50)
    assert said == wanted


def test_one_picture_takes_the_panel_two_share_it_and_each_has_its_own_shape(page: Page):
    panel = page.locator(".ig-gallery").bounding_box()["width"]
    for width, height in sizes(pictures(page)):
        assert width == height
        assert width > 250
    page.get_by_role("button", name="Older run").click()
    expect(pictures(page)).to_have_count(2)
    pair = sizes(pictures(page))
    assert len(tops(pictures(page))) == 1
    assert all(abs(height / width - 1.5) < 0.02 for width, height in pair)
    page.get_by_role("button", name="Older run").click()
    expect(pictures(page)).to_have_count(1)
    ((width, height),) = sizes(pictures(page))
    assert abs(width / height - 1.5) < 0.02
    assert width > 0.6 * panel or height > 600
    # Shown larger than its thumbnail, the picture is the file.
    expect(pictures(page).first).to_have_js_property("naturalWidth", 1536)
    screenshot(page, "picture-one", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []


def test_placeholders_have_the_shape_that_was_asked_for(page: Page):
    execute(page, "gallery.placeholders(2, (1536, 1024))")
    waiting = page.locator(".igw-pending .igw-open")
    expect(waiting).to_have_count(2)
    assert all(abs(width / height - 1.5) < 0.02 for width, height in sizes(waiting))
    screenshot(page, "picture-pending", ".ig-gallery")
    execute(page, "gallery.placeholders(0)")
    expect(pictures(page)).to_have_count(4)


def test_what_chooses_and_stars_is_seen_and_covers_no_badge(page: Page):
    page.mouse.move(0, 0)
    frame = page.locator(".igw-card").nth(1).locator(".igw-frame")
    box = frame.bounding_box()
    for part in (frame.locator(".igw-pick"), frame.locator(".igw-star")):
        expect(part).to_have_css("opacity", "1")
        place = part.bounding_box()
        # The emulator writes on the left of a picture what it is.
        assert box["x"] + box["width"] / 2 < place["x"]
        assert place["x"] + place["width"] < box["x"] + box["width"]
    frame.get_by_role("checkbox").check()
    frame.get_by_role("button", name="Star square-2.png").click()
    screenshot(page, "picture-marks", ".ig-gallery")


def test_arrow_keys_lead_through_the_pictures_and_say_so(page: Page):
    opener = [page.get_by_role("button", name=f"at dusk ({number} of 4)") for number in (1, 2, 3, 4)]
    hint = page.locator(".igw-keys")
    expect(hint).to_be_hidden()
    entries(page).first.focus()
    page.keyboard.press("Tab")
    expect(opener[0]).to_be_focused()
    expect(hint).to_have_text("Arrow keys lead to other images · Enter opens · Space or x selects · s stars")
    expect(hint).to_be_visible()
    screenshot(page, "picture-keys", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    page.keyboard.press("ArrowRight")
    expect(opener[1]).to_be_focused()
    box = page.get_by_role("checkbox", name="Select square-2.png")
    for key, on in (("x", True), (" ", False), (" ", True)):
        page.keyboard.press(key)
        expect(box).to_be_checked(checked=on)
        expect(opener[1]).to_be_focused()
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Star square-2.png")).to_have_attribute("aria-pressed", "true")
    asked(page, "[asset.file_name for asset in gallery.starred]", "['square-2.png']")
    for name in ("Select square-2.png", "Star square-2.png"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_accessible_name(name)
    page.keyboard.press("End")
    expect(opener[3]).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".igw-grid :focus")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(opener[3]).to_be_focused()
    # Up and down go by where the pictures are, in however many rows they stand.
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '420px'; }")
    expect(page.locator(".ig-gallery")).to_have_css("width", "420px")
    page.keyboard.press("ArrowUp")
    expect(opener[1]).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    expect(opener[2]).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_accessible_name("square-3.png, image 3 of 4")


def test_what_is_dragged_into_a_folder_has_the_name_of_a_download(page: Page):
    picture, run_id = pictures(page).first, execute(page, "print(four.id[:6])")
    dragged = """(img) => {
      const dataTransfer = new DataTransfer();
      img.dispatchEvent(new DragEvent("dragstart", { dataTransfer }));
      return [dataTransfer.getData("DownloadURL"), img.src];
    }"""
    expect(picture).to_have_js_property("naturalWidth", 512)
    said, source = picture.evaluate(dragged)
    assert said == f"application/octet-stream:square-{run_id}-1-small.webp:{source}"
    page.get_by_role("button", name="Older run").click()
    page.get_by_role("button", name="Older run").click()
    expect(picture).to_have_js_property("naturalWidth", 1536)
    said, source = picture.evaluate(dragged)
    run_id = execute(page, "print(wide.id[:6])")
    assert said == f"application/octet-stream:wide-{run_id}-1.png:{source}"


def test_no_file_name_breaks_before_its_number(page: Page):
    name = page.locator(".igw-name b").first
    name.evaluate("(node) => { node.style.width = '7ch'; }")
    assert name.evaluate("(node) => node.getClientRects()[0].height") > 30
    assert name.locator(".igw-whole").inner_text() == "-1.png"
    assert name.locator(".igw-whole").evaluate("(node) => node.getClientRects().length") == 1


def test_the_history_says_what_it_shows_and_fades_where_it_goes_on(page: Page):
    legend = "Underlined: the run that is shown · Arrow keys move · Enter goes to an image, then opens it"
    expect(page.locator(".igw-legend")).to_contain_text(legend)
    strip = page.get_by_role("listbox", name="History")
    expect(strip).to_have_accessible_description(re.compile(f"^{legend}"))
    expect(strip).to_have_class("igw-strip")  # all of it is there
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '300px'; }")
    expect(strip).to_have_class("igw-strip igw-more-after")
    screenshot(page, "history-narrow", ".igw-history")
    entries(page).first.focus()
    page.keyboard.press("End")
    expect(strip).to_have_class("igw-strip igw-more-before")


def test_the_arrows_between_runs_lead_the_way_the_history_runs(page: Page):
    expect(entries(page)).to_have_count(7)
    shown = page.locator(".igw-entry[aria-current]")
    newer, older = (page.get_by_role("button", name=f"{which} run") for which in ("Newer", "Older"))
    assert newer.bounding_box()["x"] < older.bounding_box()["x"]
    before = shown.first.bounding_box()["x"]
    expect(newer).to_be_disabled()
    for count in (2, 1):
        older.click()
        expect(shown).to_have_count(count)
        assert shown.first.bounding_box()["x"] > before
        before = shown.first.bounding_box()["x"]
    expect(older).to_be_disabled()
    newer.click()
    expect(page.get_by_text("Run 2 of 3")).to_be_visible()
    # Where there is little room, the history is scrolled to the run that is shown.
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '300px'; }")
    expect(page.locator(".igw-strip")).to_have_class("igw-strip igw-more-after")
    older.click()
    expect(page.get_by_text("Run 1 of 3")).to_be_visible()
    expect(shown).to_have_count(1)
    expect(shown).to_be_in_viewport(ratio=0.9)
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = ''; }")
    settled(page, ".igw-strip")
    # A double click opens an image of any run; nothing moves between its halves when the run is drawn.
    entries(page).first.dblclick()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name(re.compile("square-1.png"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("Run 3 of 3")).to_be_visible()
    settled(page, ".igw-strip")
    box = entries(page).last.bounding_box()
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*place)
    expect(page.get_by_text("Run 1 of 3")).to_be_visible()
    expect(pictures(page)).to_have_count(1)
    settled(page, ".igw-strip")
    assert entries(page).last.bounding_box() == box
    page.mouse.move(*place)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    expect(dialog).to_have_accessible_name(re.compile("wide-1.png"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    entries(page).first.dblclick()
    expect(dialog).to_have_accessible_name(re.compile("square-1.png"))
    page.keyboard.press("Escape")
    expect(page.get_by_text("Run 3 of 3")).to_be_visible()
    expect(dialog).to_be_hidden()


def test_a_filter_leads_the_arrows_and_the_viewer_too(page: Page):
    execute(page, "[gallery.star(r.output.assets[-1]) for r in (wide, four)]")
    starred = page.get_by_role("button", name="Starred")
    starred.click()
    expect(entries(page)).to_have_count(2)
    where = page.locator(".igw-where")
    expect(where).to_have_text("Run 3 of 3 · 2 of 2 found")
    screenshot(page, "filter-arrows", ".ig-gallery")
    assert axe(page, ".igw-head") == []
    page.get_by_role("button", name="Older run that was found").click()
    expect(where).to_have_text("Run 1 of 3 · 1 of 2 found")
    expect(page.get_by_role("button", name="Older run that was found")).to_be_disabled()
    # From the history, the viewer goes through what was found, in whichever runs it is.
    entries(page).last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name("wide-1.png, image 2 of 2")
    page.keyboard.press("ArrowLeft")
    expect(dialog).to_have_accessible_name("square-4.png, image 1 of 2")
    expect(dialog.get_by_text("1 of 2 found")).to_be_visible()
    expect(dialog.get_by_text("square-4.png (run 3)")).to_be_visible()
    screenshot(page, "filter-viewer")
    page.keyboard.press("Escape")
    expect(entries(page).first).to_be_focused()
    # From a card it goes through the run, and says so.
    page.get_by_role("button", name="at dawn (1 of 1)").click()
    expect(dialog.get_by_text("1 of 1 in this run")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("blue")
    expect(where).to_have_text("Run 1 of 3 · not found by the filter")
    expect(page.locator(".igw-filter").get_by_role("status")).to_have_text("1 image in 1 run")
    expect(pictures(page)).to_have_css("opacity", "0.4")
    screenshot(page, "filter-not-found", ".ig-gallery")
    assert axe(page, ".igw-head") == []
    page.get_by_role("button", name="Newer run that was found").click()
    expect(where).to_have_text("Run 3 of 3 · 1 of 1 found")
    expect(pictures(page).first).to_have_css("opacity", "1")
    clear = page.get_by_role("button", name="Clear the filter")
    expect(clear).to_be_hidden()
    page.get_by_role("searchbox").fill("no such words")
    expect(page.locator(".igw-filter").get_by_role("status")).to_have_text("Nothing found")
    clear.click()
    expect(where).to_have_text("Run 3 of 3")
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(starred).to_have_attribute("aria-pressed", "false")
    expect(clear).to_be_hidden()


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


def test_what_is_selected_stays_in_sight_while_the_notebook_scrolls(page: Page):
    page.set_viewport_size({"width": 1000, "height": 700})
    chosen = page.get_by_role("group", name="Selected images")
    settled(page, ".igw-card")
    box = page.get_by_role("checkbox", name="Select square-1.png")
    box.scroll_into_view_if_needed()
    top = page.locator(".igw-card").first.bounding_box()["y"]
    box.check()
    expect(chosen).to_be_visible()
    assert page.locator(".igw-card").first.bounding_box()["y"] == top  # nothing has moved
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("(panel) => panel.scrollBy(0, 400)")
    expect(chosen).to_have_attribute("popover", "manual")
    expect(chosen).to_be_in_viewport(ratio=1)
    screenshot(page, "selection-floats")
    assert axe(page, ".igw-selection") == []
    page.locator(".igw-filter").evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    expect(chosen).not_to_have_attribute("popover", "manual")
    expect(chosen).to_be_in_viewport(ratio=1)
    page.locator(".igw-card").last.evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    expect(chosen).to_have_attribute("popover", "manual")
    chosen.get_by_role("button", name="Select none").click()
    expect(chosen).to_be_hidden()
    expect(page.get_by_role("button", name="at dusk (1 of 4)")).to_be_focused()


def test_in_a_narrow_gallery_the_bar_is_one_line_and_lies_over_no_other_cell(open_notebook: OpenNotebook):
    page = open_notebook([SETUP, RUNS, "print('another cell')"], size=(1000, 700))
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '420px'; }")
    entries(page).last.click(modifiers=["Control"])
    chosen = page.get_by_role("group", name="Selected images")
    expect(chosen).to_contain_text("1 selected (in another run): one more to compare")
    words = chosen.get_by_role("status")
    assert words.evaluate("(node) => node.scrollWidth <= node.clientWidth")  # they are whole
    assert chosen.bounding_box()["height"] <= 40
    screenshot(page, "selection-of-one-narrow", ".ig-gallery")
    entries(page).first.click(modifiers=["Control"])
    expect(chosen).to_contain_text("2 selected (1 in another run)")
    bar = chosen.bounding_box()
    assert bar["height"] <= 40
    buttons = chosen.get_by_role("button")
    expect(buttons).to_have_count(4)
    assert len({round(button.bounding_box()["y"]) for button in buttons.all()}) == 1
    last = buttons.last.bounding_box()
    assert last["x"] + last["width"] < bar["x"] + bar["width"]
    for name in ("Compare", "Download", "Remove all 2", "Select none"):
        expect(chosen.get_by_role("button", name=name)).to_be_visible()
    screenshot(page, "selection-narrow", ".ig-gallery")
    assert axe(page, ".igw-selection") == []
    # As the gallery goes out of sight, the bar stays over it, and at last goes with it.
    gallery = page.locator(".ig-gallery")
    for seen, visible in ((300, True), (20, False)):
        page.evaluate(
            """(seen) => {
              const panel = document.querySelector(".jp-WindowedPanel-outer");
              const { bottom } = document.querySelector(".ig-gallery").getBoundingClientRect();
              panel.scrollBy(0, bottom - panel.getBoundingClientRect().top - seen);
            }""",
            seen,
        )
        floating = page.locator(".igw-selection[popover=manual]")
        expect(floating).to_have_count(1)
        expect(floating).to_be_visible(visible=visible)
        if visible:
            box, place = gallery.bounding_box(), floating.bounding_box()
            assert place["y"] + place["height"] < box["y"] + box["height"]
            assert (place["x"], place["width"]) == (box["x"], box["width"])


SHADES = """([selector, property]) => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const light = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
      .map((value) => (value > 0.04 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const style = (where) => getComputedStyle(document.querySelector(where));
  const ground = style(".ig-gallery").getPropertyValue("--jp-layout-color0");
  const [two, one] = [ground, style(selector)[property]].map(light).sort();
  return (one + 0.05) / (two + 0.05);
}"""
"""The contrast of an element's colour with the notebook."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_selected_pointed_out_and_focused_look_different(open_notebook: OpenNotebook, dark: bool):
    page = open_notebook([SETUP, RUNS], dark=dark)
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    card, tile = ".igw-card:nth-child({})", page.locator(".igw-card .igw-open")
    page.get_by_role("button", name="More for square-2.png").click()
    page.get_by_role("menuitem", name="Compare…").click()
    page.get_by_role("checkbox", name="Select square-1.png").check()
    tile.nth(1).focus()
    page.keyboard.press("ArrowRight")
    expect(tile.nth(2)).to_be_focused()
    entries(page).nth(0).focus()
    screenshot(page, f"looks-{'dark' if dark else 'light'}", ".ig-gallery")
    tile.nth(2).focus()
    # Selected: smaller, on a ground of its own. Pointed out: a dashed frame. Focused: a whole ring.
    assert float(tile.nth(0).evaluate("(node) => parseFloat(getComputedStyle(node).paddingTop)")) >= 6
    assert float(tile.nth(2).evaluate("(node) => parseFloat(getComputedStyle(node).paddingTop)")) == 0
    expect(page.locator(".igw-first .igw-frame")).to_have_css("outline-style", "dashed")
    expect(tile.nth(2)).to_have_css("outline-style", "solid")
    expect(tile.nth(0)).to_have_css("outline-style", "none")
    looks = [
        (f"{card.format(1)} .igw-open", "backgroundColor"),
        (f"{card.format(2)} .igw-frame", "outlineColor"),
        (f"{card.format(3)} .igw-open", "outlineColor"),
        (".igw-entry[aria-selected=true]", "backgroundColor"),
    ]
    contrasts = [page.evaluate(SHADES, list(look)) for look in looks]
    assert min(contrasts) >= 3, contrasts
    selected, current = (
        page.locator(".igw-entry[aria-selected=true] img"),
        page.locator(".igw-entry[aria-current]"),
    )
    assert selected.evaluate("(img) => img.getBoundingClientRect().height < img.offsetHeight")
    assert (
        current.first.evaluate("(node) => getComputedStyle(node).boxShadow") != "none"
    )  # also where selected


def test_pictures_fill_every_width_and_leave_no_gap(open_notebook: OpenNotebook):
    cell = "gallery = ig.Gallery([run(n, name='Square') for n in (10, 4, 3, 2, 1)])\ngallery"
    page = open_notebook([SETUP, cell], size=(1750, 1000))
    page.evaluate("() => jupyterapp.shell.collapseLeft()")
    run_all(page)
    grid = page.locator(".igw-grid")
    for count in (1, 2, 3, 4, 10):
        expect(pictures(page)).to_have_count(count)
        for width in (420, 700, 1000, 1280, 1600):
            page.locator(".ig-gallery").evaluate(
                "(node, width) => { node.style.width = `${width}px`; }", width
            )
            settled(page, ".igw-card:last-child")
            box = grid.bounding_box()
            places = [place.bounding_box() for place in grid.locator(".igw-ground").all()]
            rows: dict[int, float] = {}
            for place in places:
                rows[round(place["y"])] = place["x"] + place["width"]
                assert place["height"] <= 760
            *full, _ = [*rows.values(), 0] if len(rows) == 1 else rows.values()
            assert all(abs(end - box["x"] - box["width"]) < 1 for end in full), (count, width)
            assert min(place["width"] for place in places) > 150
        if count < 10:
            page.get_by_role("button", name="Older run").click()


def test_no_path_covers_the_buttons_beside_it(open_notebook: OpenNotebook):
    cell = "gallery = ig.Gallery([run(10, name='Square'), run(4, name='Square')])\ngallery"
    page = open_notebook([SETUP, cell], size=(1500, 900))
    run_all(page)
    check_paths(page, 4, 420)
    page.get_by_role("button", name="Older run").click()
    check_paths(page, 10, 420)
    check_paths(page, 10, 1000)


def check_paths(page: Page, count: int, width: int) -> None:
    """In a gallery so wide, every card has room for its buttons, and its path stays within its own."""
    page.locator(".ig-gallery").evaluate("(gallery, width) => { gallery.style.width = `${width}px`; }", width)
    expect(pictures(page)).to_have_count(count)
    screenshot(page, f"cards-{count}-in-{width}", ".ig-gallery")
    for row in page.locator(".igw-card-actions").all():
        path, download, more = (button.bounding_box() for button in row.get_by_role("button").all())
        texts = [text.bounding_box() for text in row.locator("span").all() if text.is_visible()]
        ends = [box["x"] + box["width"] for box in (*texts, path)]
        assert max(ends) <= download["x"]
        assert more["x"] + more["width"] <= row.bounding_box()["x"] + row.bounding_box()["width"]


def test_an_open_menu_goes_with_its_button_and_closes_out_of_sight(page: Page):
    for picture in pictures(page).all():  # each card is drawn anew when its picture comes
        expect(picture).to_have_js_property("naturalWidth", 512)
    more, menu = page.get_by_role("button", name="More for square-1.png"), page.get_by_role("menu")
    more.click()
    panel = page.locator(".jp-WindowedPanel-outer").first
    before = menu.bounding_box()["y"] - more.bounding_box()["y"]
    panel.evaluate("(panel) => panel.scrollBy(0, 40)")
    page.wait_for_timeout(100)
    assert abs(menu.bounding_box()["y"] - more.bounding_box()["y"] - before) < 2
    expect(page.get_by_role("menuitem", name="Copy variable path", exact=True)).to_be_focused()
    panel.evaluate("(panel) => panel.scrollTo(0, 0)")
    panel.evaluate("(panel) => panel.scrollTo(0, 5000)")
    expect(menu).to_be_hidden()
    # A card that is drawn anew has another button.
    page.get_by_role("button", name="More for square-4.png").click()
    execute(page, "gallery.star(four.output.assets[3])")
    expect(page.get_by_role("button", name="Star square-4.png")).to_have_attribute("aria-pressed", "true")
    panel.evaluate("(panel) => panel.scrollBy(0, -20)")
    expect(menu).to_be_hidden()


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
    assert len({round(button.bounding_box()["y"]) for button in actions}) == 1
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
    left, right = (image.bounding_box() for image in both.all())
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


def test_the_history_is_filtered_starred_and_cleared_by_keyboard(page: Page, tmp_path: Path):
    options = entries(page)
    expect(options).to_have_count(7)
    expect(options.first).to_have_accessible_name("square-1.png, run 3")
    expect(options.last.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    screenshot(page, "history", ".ig-gallery")
    options.first.focus()
    page.keyboard.press("End")
    expect(options.last).to_be_focused()
    page.keyboard.press("s")
    asked(page, "[asset.file_name for asset in gallery.starred]", "['wide-1.png']")
    expect(options.last).to_have_accessible_name("wide-1.png, run 1, starred")
    expect(options.last).to_be_focused()
    page.keyboard.press("Enter")
    expect(pictures(page)).to_have_count(1)
    expect(options.last).to_be_focused()
    expect(options.last).to_have_attribute("aria-current", "true")
    expect(page.locator(".igw-found")).to_be_in_viewport()
    expect(page.get_by_text("The image is in the run below; choose it once more to open it.")).to_be_visible()
    # Once more opens it, as it does any image of the run that is shown, and the focus comes back here.
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_accessible_name("wide-1.png, image 1 of 1")
    page.keyboard.press("Escape")
    expect(options.last).to_be_focused()

    page.get_by_role("button", name="Starred").click()
    expect(options).to_have_count(1)
    expect(page.get_by_text("1 image in 1 run")).to_be_visible()
    screenshot(page, "history-starred", ".ig-gallery")
    page.get_by_role("button", name="Starred").click()
    page.get_by_role("searchbox", name="Find in prompts, names, notes").fill("red dawn")
    expect(options).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like this")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(options).to_have_count(7)

    # Chosen by Space in two runs: downloaded, taken out of the view, and brought back at once.
    options.first.focus()
    page.keyboard.press("x")
    page.keyboard.press("End")
    page.keyboard.press(" ")
    chosen = page.get_by_role("group", name="Selected images")
    with page.expect_download() as download:
        chosen.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        square, wide = execute(page, "print(four.id[:6], wide.id[:6])").split()
        assert archive.namelist() == [f"square-{square}-1.png", f"wide-{wide}-1.png"]
    # One of them is in a run that is not shown: the bar says so, whichever run is.
    expect(chosen).to_contain_text("2 selected (1 in another run)")
    page.get_by_role("button", name="Newer run").click()
    expect(pictures(page)).to_have_count(2)
    expect(chosen).to_contain_text("2 selected (all in other runs)")
    screenshot(page, "selection-elsewhere", ".ig-gallery")
    chosen.get_by_role("button", name="Remove all 2").click()
    expect(options).to_have_count(5)
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(options).to_have_count(7)


def test_a_star_is_there_after_a_reload_of_the_page(page: Page):
    page.get_by_role("button", name="More for square-3.png").click()
    page.get_by_role("menuitem", name="Star").click()
    star = page.get_by_role("button", name="Star square-3.png")
    expect(star).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Older run").click()
    expect(pictures(page)).to_have_count(2)
    page.get_by_role("button", name="Newer run").click()
    expect(star).to_have_attribute("aria-pressed", "true")
    asked(page, "len(gallery.starred)", "1")
    execute(page, "gallery.show(four)")
    expect(star).to_have_attribute("aria-pressed", "true")
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    expect(star).to_have_attribute("aria-pressed", "true")


_KERNEL = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
ENDS = {
    "restarted": f"() => {_KERNEL}.restart()",
    "died": f"() => {{ {_KERNEL}.requestExecute({{ code: 'import os; os._exit(1)' }}); }}",
}
"""The ways a kernel ends while its page stays open."""
GONE = "The kernel is gone: run this cell again."


# Not for a kernel that is shut down: the gallery tells of that too, but JupyterLab then fails by itself.
def test_a_kernel_that_has_died_is_told_of(page: Page):
    expect(entries(page).last.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    page.evaluate(ENDS["died"])
    expect(page.locator(".ig-gallery").get_by_role("alert")).to_have_text(GONE)
    expect(pictures(page)).to_have_count(4)
    expect(page.get_by_role("button", name="Download 4 images")).to_have_count(0)
    page.get_by_role("button", name="Ok", exact=True).click()  # the notebook says so too, above all else


def test_a_star_and_a_note_that_were_given_in_the_page_outlive_the_kernel(page: Page):
    run_id = execute(page, "print(four.id)")
    page.get_by_role("button", name="More for square-3.png").click()
    page.get_by_role("menuitem", name="Note…").click()
    page.get_by_role("textbox", name="Note").fill("more light")
    expect(page.get_by_role("dialog").get_by_text("Saved")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Star square-3.png").click()
    asked(page, "len(gallery.starred)", "1")
    page.evaluate(ENDS["restarted"])
    expect(page.locator(".ig-gallery").get_by_role("alert")).to_have_text(GONE)
    execute(page, "import imagegen_nb as ig; workspace = ig.Workspace('assets', backend='emulator')")
    execute(page, "past = workspace.history(starred=True)[0]; gallery = ig.Gallery(past.run)")
    assert execute(page, "print(past.id, past.note)") == f"{run_id} more light"
    asked(page, "[asset.file_name for asset in gallery.starred]", "['square-3.png']")


def test_without_its_kernel_the_gallery_says_so_and_keeps_its_pictures(page: Page):
    expect(pictures(page).first).to_have_attribute("src", re.compile("^blob:"))
    page.evaluate(ENDS["restarted"])
    expect(page.get_by_role("alert")).to_have_text(GONE)
    expect(pictures(page)).to_have_count(4)
    for picture in pictures(page).all():
        assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
    screenshot(page, "kernel-gone-gallery", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    for name in (
        "Download 4 images",
        "Newer run",
        "Older run",
        "Star square-1.png",
        "Download square-1.png",
    ):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("button", name="More for square-1.png").click()
    expect(page.locator(".ig-gallery").get_by_role("menuitem")).to_have_text(
        ["Copy variable path", "Copy file's path", "Compare…"]
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="at dusk (1 of 4)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status").first).to_have_text(GONE)
    expect(dialog.get_by_role("button", name="Download")).to_have_count(0)
    page.keyboard.press("Escape")
    run_all(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Download 4 images")).to_be_visible()


def test_without_its_kernel_the_form_says_so_and_no_button_does_nothing(open_notebook: OpenNotebook):
    page = open_notebook([FORM])
    run_all(page)
    press_run(page)
    expect_status(page)
    page.evaluate(ENDS["restarted"])
    expect(page.get_by_role("alert")).to_have_text(GONE)
    expect(page.locator(".ig-run")).to_be_disabled()
    screenshot(page, "kernel-gone-form")
    page.get_by_role("tab", name="Settings").click()
    for button in page.locator(".ig-form .ig-settings button").all():
        expect(button).to_be_disabled()
    expect(page.locator(".ig-prompt textarea")).to_have_attribute("readonly", "")
    screenshot(page, "kernel-gone-settings")


def test_the_runs_of_other_forms_are_found_in_the_history(open_notebook: OpenNotebook):
    page = open_notebook([FORM, "ig.StepForm(ig.ImageGenerationStep(prompt='a cup'), workspace)"])
    run_all(page)
    press_run_of = page.locator(".ig-form").first
    press_run_of.locator(".ig-run").click()
    expect(press_run_of.locator(".ig-gallery .igw-grid img")).to_have_count(2)
    other = page.locator(".ig-form").last
    other.get_by_role("tab", name="Output").click()
    other.get_by_role("button", name="Whole notebook").click()
    options = other.get_by_role("option")
    expect(options).to_have_count(3)  # the last one was made by code
    expect(options.first).to_have_accessible_name(re.compile("hero-image-1.webp, step_2"))
    screenshot(page, "history-other-forms")
    options.first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("A hero image for a blue bottle")
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    expect(options.first).to_be_focused()
    expect(options.first).to_have_accessible_name(re.compile("starred"))
