"""A gallery of a thousand images, and one of many runs, in a real JupyterLab: what comes, and when."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, expect
from support.form_page import saved
from support.lab import Opener, OpenNotebook, axe, execute, run_all, screenshot

STORE = """
import colorsys, dataclasses, io, uuid
from PIL import Image, ImageDraw
import imagegen_nb as ig
from imagegen_nb.core.images import check
workspace = ig.Workspace(f"assets-{uuid.uuid4()}", backend="emulator")
def painted(number):
    colour = tuple(int(255 * part) for part in colorsys.hsv_to_rgb(number / 40, 0.6, 0.8))
    image = Image.new("RGB", (640, 640), colour)
    ImageDraw.Draw(image).text((200, 200), str(number), font_size=220)
    file = io.BytesIO()
    image.save(file, "JPEG")
    return check(file.getvalue())
staged = [workspace.store.stage(painted(number), run_id="big", emulated=True) for number in range(40)]
def records(run_id, count):
    return [
        dataclasses.replace(
            staged[number % 40], id=str(uuid.uuid4()), file_name=f"hero-{number + 1}.jpg", run_id=run_id
        )
        for number in range(count)
    ]
"""
MANY_IMAGES = """
big = records("big", 1000)
workspace.store.put(big)
gallery = ig.Gallery(big, store=workspace.store)
gallery
"""
DAMAGED = """
from pathlib import Path
from urllib.parse import urlsplit
def file_of(record):
    return Path(urlsplit(record.file_url).path)
big = records("big", 43)
big[40], big[41] = records("big", 2)
big[42] = dataclasses.replace(big[42], file_name="last.jpg")
workspace.store.put(big)
file_of(big[0]).unlink()
file_of(big[1]).write_bytes(b"no image")
ig.Gallery(big, store=workspace.store)
"""
MANY_RUNS = """
small = [record for number in range(120) for record in records(f"run-{number}", 1 + number % 3)]
workspace.store.put(small)
runs = ig.Gallery(small, store=workspace.store)
runs
"""
# What the kernel sends to the widgets of the page.
_COUNT_BYTES = """() => {
  window.bytesReceived = 0;
  const session = jupyterapp.shell.currentWidget.context.sessionContext;
  const listen = (kernel) => kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction !== "recv" || !msg.header.msg_type.startsWith("comm_")) return;
    window.bytesReceived += JSON.stringify(msg.content).length;
    for (const buffer of msg.buffers ?? []) window.bytesReceived += buffer.byteLength;
  });
  return session.ready.then(() => listen(session.session.kernel));
}"""


def grid_of(page: Page) -> Locator:
    return page.locator(".ig-gallery .igw-grid")


def card(page: Page, number: int) -> Locator:
    return grid_of(page).locator(f'[data-id="big.{number - 1}"]')


def scroll(page: Page, part: float) -> None:
    """Move the list's scroll bar."""
    page.locator(".igw-scroller").evaluate(
        "(box, part) => { box.scrollTop = box.scrollHeight * part; }", part
    )


def scrolled(page: Page) -> float:
    """How far down the list is."""
    return page.locator(".igw-scroller").evaluate("(box) => box.scrollTop")


def pixels_shown(card: Locator) -> None:
    """Its thumbnail is there and decodes."""
    image = card.locator("img")
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    image.evaluate("(img) => img.decode()")


def test_of_a_thousand_images_those_in_sight_come(open_notebook: OpenNotebook):
    page = open_notebook([STORE, MANY_IMAGES])
    page.evaluate(_COUNT_BYTES)
    run_all(page)
    for number in (1, 6):
        pixels_shown(card(page, number))
    assert page.evaluate("() => window.bytesReceived") < 400_000
    grid = grid_of(page)
    expect(card(page, 1)).to_have_attribute("aria-setsize", "1000")
    assert grid.locator(":scope > li").count() < 40
    assert grid.locator("img[src]").count() < 20
    grid.scroll_into_view_if_needed()
    page.mouse.wheel(0, 100)
    screenshot(page, "gallery-thousand", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []

    # Far down, by the scroll bar: what is in sight there comes, and nothing in between.
    scroll(page, 0.5)
    in_sight = card(page, 502)
    pixels_shown(in_sight)
    expect(in_sight).to_contain_text("hero-502.jpg")
    screenshot(page, "gallery-thousand-scrolled", ".ig-gallery")
    expect(in_sight).to_have_attribute("aria-posinset", "502")
    assert grid.locator(":scope > li").count() < 40
    heights = grid.evaluate(
        "(grid) => [...new Set([...grid.children].map((card) => Math.round(card.offsetHeight)))]"
    )
    assert max(heights) - min(heights) <= 2, f"cards of several heights make the list jump: {heights}"
    assert axe(page, ".ig-gallery") == []

    # An image that was never in sight is looked at, and the focus goes back to where it stands in the list.
    page.get_by_role("button", name="Stored image (502 of 1000)").click()
    dialog = page.get_by_role("dialog")
    page.keyboard.press("End")
    expect(dialog).to_have_accessible_name("hero-1000.jpg, image 1000 of 1000")
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 640)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(dialog).to_have_accessible_name("hero-995.jpg, image 995 of 1000")
    screenshot(page, "gallery-thousand-lightbox")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Stored image (995 of 1000)")).to_be_focused()
    expect(page.get_by_role("button", name="Stored image (995 of 1000)")).to_be_in_viewport()

    # Removing one moves the others, and leaves the list where it is.
    top = scrolled(page)
    page.get_by_role("button", name="More for hero-995.jpg").click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(card(page, 996)).to_have_attribute("aria-setsize", "999")
    assert abs(scrolled(page) - top) < 500
    pixels_shown(card(page, 996))
    page.get_by_role("button", name="Undo").click()
    expect(card(page, 995)).to_contain_text("hero-995.jpg")
    pixels_shown(card(page, 995))


def test_a_keyboard_goes_through_a_thousand_images_or_past_them(open_notebook: OpenNotebook):
    page = open_notebook([STORE, MANY_IMAGES])
    run_all(page)
    pixels_shown(card(page, 1))

    def opener(number: int) -> Locator:
        return page.get_by_role("button", name=f"Stored image ({number} of 1000)", exact=True)

    page.get_by_role("listbox", name="History").get_by_role("option").first.focus()  # the last stop before
    page.keyboard.press("Tab")
    expect(opener(1)).to_be_focused()
    for number in range(2, 62):
        page.keyboard.press("ArrowRight")
        expect(opener(number)).to_be_focused()
    expect(opener(61)).to_be_in_viewport()
    pixels_shown(card(page, 61))
    page.keyboard.press("End")
    expect(opener(1000)).to_be_focused()
    expect(opener(1000)).to_be_in_viewport()
    pixels_shown(card(page, 1000))  # its card is whole
    screenshot(page, "gallery-thousand-end", ".ig-gallery")
    # One image is in the order of Tab, with all that its card holds.
    for name in ("Select", "Star", "Download", "More for"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_accessible_name(re.compile(f"^{name} hero-1000.jpg"))
    page.keyboard.press("Tab")
    expect(page.locator(".igw-grid :focus")).to_have_count(0)
    # Scrolled away, the list can still be reached: where it is looked at.
    scroll(page, 0)
    pixels_shown(card(page, 1))
    expect(opener(1)).to_have_attribute("tabindex", "0")


def test_what_is_missing_or_damaged_is_told_where_it_is_shown(open_notebook: OpenNotebook):
    page = open_notebook([STORE, DAMAGED])
    run_all(page)
    expect(card(page, 1)).to_contain_text("Image stored elsewhere")
    expect(card(page, 2)).to_contain_text("The image is damaged")
    pixels_shown(card(page, 3))
    screenshot(page, "gallery-damaged", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    scroll(page, 1)
    expect(card(page, 41)).to_contain_text("Image stored elsewhere")
    expect(card(page, 42)).to_contain_text("The image is damaged")
    # The small picture was made before the file was cut off.
    execute(page, "path = file_of(big[42]); path.write_bytes(path.read_bytes()[:-3000])")
    page.get_by_role("button", name="Stored image (43 of 43)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The image's file is damaged.")).to_be_visible()
    screenshot(page, "lightbox-damaged")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_text("The image's file is damaged.")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_text("Image stored elsewhere")).to_be_visible()


def test_any_of_many_runs_is_reached_and_the_newest_is_first(open_notebook: OpenNotebook):
    page = open_notebook([STORE, MANY_RUNS])
    run_all(page)
    number = page.get_by_role("spinbutton", name="Number of the run to show")
    expect(number).to_have_value("120")
    expect(page.locator(".igw-where")).to_have_text("Run  of 120")
    expect(grid_of(page).locator("img")).to_have_count(3)
    screenshot(page, "gallery-many-runs", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    number.fill("1")
    number.press("Enter")
    expect(grid_of(page).locator("li")).to_have_count(1)
    expect(number).to_be_focused()
    expect(page.get_by_role("button", name="Older run")).to_be_disabled()
    number.fill("500")
    number.press("Enter")
    expect(number).to_have_value("1")
    page.get_by_role("button", name="Newer run").click()
    expect(number).to_have_value("2")
    expect(grid_of(page).locator("img")).to_have_count(2)


def test_a_reopened_notebook_shows_the_first_and_counts_the_others(
    open_notebook: OpenNotebook, opener: Opener
):
    page = open_notebook([STORE, MANY_IMAGES])
    run_all(page)
    pixels_shown(card(page, 1))
    document, size = saved(page, opener)
    assert size < 250_000
    elsewhere = opener.folder / "copy.ipynb"  # a copy has no kernel that still runs
    elsewhere.write_text(json.dumps(document))
    page = opener.open_file(elsewhere)
    fallback = page.locator(".ig-fallback")
    expect(fallback.locator("ol li")).to_have_count(12)
    expect(page.locator(".jp-RenderedImage img")).to_be_visible()
    expect(fallback.get_by_text("… and 988 more images, not shown here")).to_be_visible()
    screenshot(page, "gallery-thousand-static", ".ig-fallback")
