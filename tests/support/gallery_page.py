"""The gallery of a notebook in the browser: its runs, its pictures, and what Python says of them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from support.lab import OpenNotebook, boxes, execute, run_all

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


def open_gallery(open_notebook: OpenNotebook) -> Page:
    """A notebook whose gallery shows the four pictures of its last run."""
    page = open_notebook([SETUP, RUNS])
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    return page


def pictures(page: Page) -> Locator:
    return page.locator(".ig-gallery .igw-grid img")


def entries(page: Page) -> Locator:
    return page.get_by_role("listbox", name="History").get_by_role("option")


def sizes(images: Locator) -> list[tuple[int, int]]:
    return [(round(box["width"]), round(box["height"])) for box in boxes(*images.all())]


def tops(images: Locator) -> set[int]:
    return {round(box["y"]) for box in boxes(*images.all())}


def asked(page: Page, expression: str, wanted: str) -> None:
    """What Python says, once the messages of the page have arrived there."""
    for _ in range(100):
        if (said := execute(page, f"print({expression})")) == wanted:
            return
        page.wait_for_timeout(50)
    assert said == wanted
