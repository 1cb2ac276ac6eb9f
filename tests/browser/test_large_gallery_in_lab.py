"""A gallery of a thousand images, and one of many runs, in a real JupyterLab: what comes, and when."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect
from support.lab import OpenNotebook, axe, run_all, screenshot

STORE = """
import colorsys, dataclasses, io, uuid
from PIL import Image, ImageDraw
import imagegen_nb as ig
from imagegen_nb.core.images import check
workspace = ig.Workspace("assets-many", backend="emulator")
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


def pixels_shown(card: Locator) -> None:
    """Its thumbnail is there and decodes."""
    image = card.locator("img")
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    image.evaluate("(img) => img.decode()")


def test_of_a_thousand_images_those_in_sight_come(open_notebook: OpenNotebook):
    page = open_notebook([STORE, MANY_IMAGES])
    page.evaluate(_COUNT_BYTES)
    run_all(page)
    for number in (1, 12):
        pixels_shown(card(page, number))
    screenshot(page, "gallery-thousand")
    assert page.evaluate("() => window.bytesReceived") < 400_000
    grid = grid_of(page)
    expect(grid.locator(":scope > li")).to_have_count(1000)
    assert grid.locator("img[src]").count() < 60
    assert axe(page, ".ig-gallery") == []

    # Far down, by the scroll bar: what is in sight there comes, and nothing in between.
    grid.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight / 2; }")
    middle = grid.locator("li").nth(500)
    pixels_shown(middle)
    expect(middle).to_contain_text("hero-501.jpg")
    screenshot(page, "gallery-thousand-scrolled")
    assert grid.locator("img[src]").count() < 100
    assert card(page, 300).locator("img").count() == 0
    assert axe(page, ".ig-gallery") == []
