"""The form under a finger, on a screen as narrow as a phone's: nothing needs a mouse or a keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.form_page import expect_status, opened
from support.lab import Lab, Opener, screenshot, settled

# What can be tapped and is smaller than 24 by 24 (WCAG 2.5.8). A checkbox is tapped by its label.
_SMALL = """(root) => {
  const kinds = ":is(button, input, select, textarea, summary, [role=tab], [role=option], [role=menuitem])";
  const targets = [...root.querySelectorAll(kinds)].filter((target) => target.checkVisibility());
  const size = (target) => (target.closest("label") ?? target).getBoundingClientRect();
  return targets.filter((target) => size(target).width < 24 || size(target).height < 24).map((target) => {
    const { width, height } = size(target);
    return `${width.toFixed(1)} x ${height.toFixed(1)}: ${target.outerHTML.slice(0, 120)}`;
  });
}"""


@pytest.fixture
def page(lab: Lab, browser: Browser) -> Iterator[Page]:
    """A form in Notebook 7, which has no side bars, on a phone."""
    context = browser.new_context(
        has_touch=True, is_mobile=True, device_scale_factor=2, viewport={"width": 420, "height": 900}
    )
    opener = Opener(lab, context)
    yield opened(opener.open_notebook, host="notebook", size=(420, 900))
    opener.finish()
    context.close()


def tap(target: Locator) -> None:
    target.scroll_into_view_if_needed()
    target.tap()


def small(page: Page, selector: str) -> list[str]:
    return page.locator(selector).first.evaluate(_SMALL)


def test_a_finger_does_all_of_it(page: Page) -> None:
    form = ".ig-form"
    assert small(page, form) == []
    screenshot(page, "touch-settings", form)
    # With the class that Notebook 7 gives a cell with a high output, it would stand in a box of a few lines.
    cell, area = page.locator(".jp-CodeCell").first, page.locator(".jp-Cell-outputArea").first
    cell.evaluate("(cell) => cell.classList.add('jp-mod-outputsScrolled')")
    assert area.evaluate("(area) => area.scrollHeight <= area.clientHeight + 1")
    tap(page.locator(".igw-tile").filter(has_text="1024 × 1536"))
    tap(page.get_by_label("Name", exact=True))
    page.keyboard.type("!")
    tap(page.locator(".ig-image-count .igw-step").last)
    tap(page.get_by_role("button", name="Insert Variable"))
    assert small(page, ".igw-picker") == []
    screenshot(page, "touch-picker")
    tap(page.get_by_role("option", name=re.compile("image_size")))
    expect(page.locator(".ig-resolved")).to_contain_text("1024x1024")

    tap(page.locator(".ig-run"))
    expect_status(page, "done: 3 of 3 images")
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(3)
    settled(page, ".ig-output-tree")
    assert small(page, form) == []
    screenshot(page, "touch-output")
    # A finger sees no titles: what is in the tree is shown whole, a line for each word at the least.
    value = page.locator(".ig-output-tree .igw-value").filter(has_text="gpt-image-2").first
    assert value.evaluate("(value) => value.scrollWidth <= value.clientWidth && value.offsetWidth > 60")
    value.scroll_into_view_if_needed()
    screenshot(page, "touch-tree")

    # Selected, compared and taken back without a pointer that hovers.
    for number in (1, 3):
        tap(page.locator(".igw-pick").nth(number - 1))
    bar = page.locator(".igw-selection").filter(visible=True)
    expect(bar).to_contain_text("2 selected")
    assert small(page, ".igw-selection:not([hidden])") == []
    tap(bar.get_by_role("button", name="Compare"))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("slider")).to_be_attached()
    assert small(page, "dialog[open]") == []
    screenshot(page, "touch-compare")
    tap(dialog.get_by_role("button", name="Close"))
    tap(bar.get_by_role("button", name="Select none"))

    # What stands in a card's menu.
    tap(page.get_by_role("button", name=re.compile("^More for ")).first)
    assert small(page, ".igw-menu:popover-open") == []
    screenshot(page, "touch-menu")
    page.keyboard.press("Escape")

    # One image: on and back by its buttons, and larger.
    tap(page.locator(".ig-gallery .igw-grid img").first)
    expect(dialog).to_have_accessible_name(re.compile("image 1 of 3"))
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 1024)
    assert small(page, "dialog[open]") == []
    screenshot(page, "touch-viewer")
    tap(dialog.get_by_role("button", name="Next image"))
    expect(dialog).to_have_accessible_name(re.compile("image 2 of 3"))
    tap(dialog.get_by_role("button", name="Zoom in"))
    expect(dialog.get_by_role("button", name="Fit", exact=True)).to_have_attribute("aria-pressed", "false")
    tap(dialog.get_by_role("button", name="Close"))
    expect(dialog).to_be_hidden()
    tap(page.get_by_role("tab", name="Settings"))
    expect(page.locator(".ig-prompt textarea")).to_be_visible()
