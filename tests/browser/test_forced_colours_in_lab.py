"""The form where the system chooses all colours (Windows' contrast themes): what is chosen still differs."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from support.form_page import expect_status, opened, press_run
from support.lab import OpenNotebook, screenshot, settled

_LOOK = """(element) => {
  const { backgroundColor, color, borderTopWidth, outlineStyle } = getComputedStyle(element);
  return [backgroundColor, color, borderTopWidth, outlineStyle].join();
}"""


def differ(chosen: Locator, other: Locator) -> None:
    """What is chosen looks different; where it is filled, nothing lies between the fill and its text."""
    filled = "(one) => getComputedStyle(one).forcedColorAdjust === 'none' || getComputedStyle(one).color"
    assert chosen.evaluate(filled) in (True, other.evaluate("(one) => getComputedStyle(one).color"))
    assert chosen.evaluate(_LOOK) != other.evaluate(_LOOK)


def test_what_is_chosen_is_seen_without_its_colour(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    try:
        for scheme in ("light", "dark"):
            page.emulate_media(forced_colors="active", color_scheme=scheme)
            chosen_is_seen(page, scheme)
    finally:
        page.emulate_media(forced_colors="none", color_scheme="light")  # the page goes on to other tests


def chosen_is_seen(page: Page, scheme: str) -> None:
    page.get_by_role("tab", name="Settings").click()
    tiles = page.locator(".igw-tile")
    differ(tiles.filter(has=page.locator(":checked")), tiles.first)
    page.get_by_role("button", name="Insert Variable").click()
    options = page.locator(".igw-picker [role=option]")
    differ(options.and_(page.locator("[aria-selected=true]")), options.last)
    screenshot(page, f"forced-{scheme}-picker")
    page.keyboard.press("Escape")

    press_run(page)
    expect_status(page)
    settled(page, ".ig-output-tree")
    starred = page.get_by_role("button", name="Starred")
    other = page.get_by_role("button", name="Whole notebook")
    other.click()
    expect(other).to_have_attribute("aria-pressed", "true")
    differ(other, starred)
    other.click()
    page.get_by_role("checkbox", name="Select hero-image-1.webp").check()
    page.get_by_role("checkbox", name="Select hero-image-2.webp").check()
    screenshot(page, f"forced-{scheme}-output")
    bar = page.locator(".igw-selection").filter(visible=True)
    bar.get_by_role("button", name="Compare").click()
    modes = page.locator(".igw-modes label")
    expect(modes.locator(":checked")).to_have_count(1)
    chosen = modes.filter(has=page.locator(":checked")).locator("span")
    differ(chosen, modes.filter(has_not=page.locator(":checked")).locator("span"))
    screenshot(page, f"forced-{scheme}-compare")
    page.keyboard.press("Escape")
    bar.get_by_role("button", name="Select none").click()
