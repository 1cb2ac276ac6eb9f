"""The history of a gallery in a real JupyterLab: filters, arrows, stars."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM
from support.gallery_page import asked, entries, open_gallery, pictures
from support.lab import OpenNotebook, axe, boxes, execute, run_all, screenshot, settled

# How many milliseconds after the last click the gallery has scrolled something into sight, each time.
_WATCH_SCROLLING = """() => {
  const watched = globalThis.scrolledAfter;  // by an earlier test of this page
  globalThis.scrolledAfter = [];
  if (watched) return;
  let clicked = 0;
  document.addEventListener("click", () => { clicked = performance.now(); }, true);
  const { scrollIntoView } = Element.prototype;
  Element.prototype.scrollIntoView = function (...how) {
    if (this.matches(".igw-card")) scrolledAfter.push(performance.now() - clicked);
    return scrollIntoView.apply(this, how);
  };
}"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return open_gallery(open_notebook)


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
    left, right = boxes(newer, older)
    assert left["x"] < right["x"]
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
    _drawn(page, 2)
    # Where there is little room, the history is scrolled to the run that is shown.
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '300px'; }")
    expect(page.locator(".igw-strip")).to_have_class("igw-strip igw-more-after")
    older.click()
    expect(page.get_by_text("Run 1 of 3")).to_be_visible()
    expect(shown).to_have_count(1)
    expect(shown).to_be_in_viewport(ratio=0.9)


def test_a_double_click_opens_an_image_of_any_run_and_nothing_moves_between_its_halves(page: Page):
    page.set_viewport_size({"width": 1280, "height": 2000})
    dialog = page.get_by_role("dialog")
    _drawn(page, 4)
    expect(page.locator(".igw-card").last).to_be_in_viewport(ratio=1)  # so that nothing is scrolled to
    box = entries(page).last.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*place)
    expect(page.get_by_text("Run 1 of 3")).to_be_visible()
    _drawn(page, 1)
    assert entries(page).last.bounding_box() == box
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


def test_an_image_out_of_sight_is_scrolled_to_once_a_click_is_no_half_of_a_double_one(page: Page):
    page.set_viewport_size({"width": 1280, "height": 900})
    _drawn(page, 4)
    page.evaluate(_WATCH_SCROLLING)
    entries(page).last.click()
    expect(page.locator(".igw-found")).to_be_in_viewport(ratio=0.9)
    (after,) = page.evaluate("() => scrolledAfter")
    assert after >= 500
    _drawn(page, 1)
    # Both halves of a double click meet the entry, so that the focus comes back to it; nothing scrolls.
    # Where the run that is shown then is less tall, the browser may have to move the page's end up.
    entries(page).first.dblclick()
    expect(page.get_by_role("dialog")).to_have_accessible_name(re.compile("square-1.png"))
    expect(page.get_by_text("Run 3 of 3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(entries(page).first).to_be_focused()
    _drawn(page, 4)
    assert page.evaluate("() => scrolledAfter.length") == 1


def _drawn(page: Page, count: int) -> None:
    """Wait until a run's pictures and those of the history are there, whose entries are as wide as they are,
    and nothing moves: what is clicked before may be missed."""
    expect(pictures(page)).to_have_count(count)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.igw-grid img, .igw-entry img')]"
        ".every((picture) => picture.naturalWidth)"
    )
    settled(page, ".igw-strip")


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
    _drawn(page, 1)
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
    settled(page, ".igw-strip")
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
