"""axe-core on every state of the form and the gallery, light and dark: contrast above all."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from support.form_page import expect_status, opened, press_run
from support.lab import Examined, OpenNotebook, dress, examine, execute, screenshot

pytestmark = pytest.mark.timeout(900)  # its states take a minute, so that this file begins early

BAD_FILE = {"name": "hero.step.json", "mimeType": "application/json", "buffer": b"{"}
# How wide the ring is, and its contrast to what it is drawn on: a ring of less than 3 cannot be seen.
_RING = """(element) => {
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const paint = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  const around = [];
  for (let one = element.parentElement; one; one = one.parentElement) around.unshift(one);
  let ground = paint("white");
  for (const one of around) ground = paint(getComputedStyle(one).backgroundColor);
  const ring = paint(outlineColor);
  const contrast = Math.max(ring, ground) / Math.min(ring, ground);
  return [outlineStyle === "none" ? 0 : parseFloat(outlineWidth), contrast];
}"""
# The radio of a tile and the checkbox of a picture have their ring around what they are laid over.
_CLASSES = "contains(@class, 'igw-tile') or contains(@class, 'igw-pick')"


def untouched(_page: Page) -> str:
    return ".ig-form"


def invalid(page: Page) -> str:
    page.locator(".ig-prompt textarea").fill("")
    page.get_by_role("radio", name="Custom").check()
    page.locator(".ig-image-size input[type=text]").fill("1000x1000")
    expect(page.locator(".ig-image-size")).to_contain_text("1008 × 1008")
    return ".ig-form"


def mended(page: Page) -> str:
    page.locator(".ig-prompt textarea").fill("A hero image for {{product}}")
    page.get_by_role("radio", name="auto").check()
    expect(page.locator(".ig-run")).to_be_enabled()
    return ".ig-form"


def refused_file(page: Page) -> str:
    page.locator(".ig-import-export input[type=file]").set_input_files(files=[BAD_FILE])
    expect(page.locator(".ig-import-export")).to_contain_text("not valid JSON")
    return ".ig-form"


def running(page: Page) -> str:
    execute(page, "workspace.emulator.latency = 60")
    press_run(page)
    expect(page.locator(".ig-cancel")).to_be_enabled()
    return ".ig-form"


def cancelled(page: Page) -> str:
    page.locator(".ig-cancel").click()
    expect(page.locator(".ig-status")).to_contain_text("cancelled")
    execute(page, "workspace.emulator.latency = 0")
    return ".ig-form"


def failed(page: Page) -> str:
    execute(page, "workspace.emulator.script('openai', Fault('moderation'))")
    press_run(page)
    expect(page.get_by_role("alert").filter(has_text=re.compile(r"\S")).first).to_be_visible()
    return ".ig-form"


def done(page: Page) -> str:
    press_run(page)
    expect_status(page)
    return ".ig-form"


def lightbox(page: Page) -> str:
    page.locator(".ig-gallery .igw-grid img").first.click()
    expect(page.get_by_role("dialog").get_by_role("img").first).to_be_visible()
    return "dialog[open]"


def compare(page: Page) -> str:
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^More for ")).first.click()
    page.get_by_role("menuitem", name="Compare…").click()
    page.locator(".ig-gallery .igw-grid img").last.click()
    expect(page.get_by_role("slider").first).to_be_visible()
    return "dialog[open]"


STATES: list[Callable[[Page], str]] = [
    untouched, invalid, mended, refused_file, running, cancelled, failed, done, lightbox, compare,
]  # fmt: skip


def test_every_state_is_accessible(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    found = dict[str, Examined]()
    for state in STATES:
        selector = state(page)
        page.mouse.move(0, 0)
        for theme, rules in (("light", ()), ("dark", ("color-contrast",))):  # a theme has only colours
            dress(page, dark=theme == "dark")
            name = f"{state.__name__}-{theme}"
            screenshot(page, f"contrast-{name}")
            found[name] = examine(page, selector, *rules)
    wrong = [f"{state}: {line}" for state, examined in found.items() for line in examined.wrong]
    # The names under compared pictures: white on a dark ground of their own, below the slider's handle area.
    wrong = [line for line in wrong if not ("figcaption" in line and "overlapped" in line)]
    assert not wrong, "\n".join(wrong)
    assert {state: seen.contrasts[0] for state, seen in found.items() if seen.contrasts[0] < 4.5} == {}
    # Far fewer would mean that axe takes what is there for out of sight.
    assert min(len(found[f"untouched-{theme}"].contrasts) for theme in ("light", "dark")) > 30
    assert sum(len(seen.contrasts) for seen in found.values()) > 200


def test_the_focus_is_seen_wherever_it_is(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    for theme in ("light", "dark"):
        dress(page, dark=theme == "dark")
        page.get_by_role("tab", name="Settings").click()
        in_settings = rings(page, ".ig-form")
        assert len(in_settings) > 12
        press_run(page)
        expect_status(page)
        expect(page.locator(".ig-gallery .igw-grid img").last).to_be_visible()
        in_output = rings(page, ".ig-form")
        assert len(in_output) > 12
        lightbox(page)
        in_viewer = rings(page, "dialog[open]")
        assert len(in_viewer) > 10
        page.keyboard.press("Escape")
        seen = in_settings | in_output | in_viewer
        unseen = {what: ring for what, ring in seen.items() if ring[0] < 2 or ring[1] < 3}
        assert unseen == {}, theme


def rings(page: Page, selector: str) -> dict[str, list[float]]:
    """The ring of each element that Tab leads to inside `selector`."""
    if selector == ".ig-form":
        page.locator(".ig-run").focus()
        for key in ("Tab", "Shift+Tab"):  # rings are for those who come by keyboard
            page.keyboard.press(key)
    seen: dict[str, list[float]] = {}
    for _ in range(40):
        focused = page.locator(f"{selector} :focus")  # from a dialog's end Tab leads to the browser, and back
        if focused.count():
            around = focused.locator(f"xpath=ancestor::label[{_CLASSES}]").or_(focused).first
            seen[focused.evaluate("(one) => one.outerHTML.slice(0, 160)")] = around.evaluate(_RING)
        elif selector == ".ig-form":
            break
        page.keyboard.press("Tab")
    return seen
