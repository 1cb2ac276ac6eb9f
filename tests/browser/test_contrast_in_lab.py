"""axe-core on every state of the form and the gallery, light and dark: contrast above all."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from support.form_page import expect_status, opened, press_run
from support.lab import Examined, OpenNotebook, dress, examine, execute, screenshot

BAD_FILE = {"name": "hero.step.json", "mimeType": "application/json", "buffer": b"{"}
# A ring of less than 3 to its surroundings cannot be seen. Both colours are computed ones.
_RING = """(element) => {
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  return [outlineStyle, parseFloat(outlineWidth), outlineColor];
}"""


def untouched(_page: Page) -> str:
    return ".ig-form"


def invalid(page: Page) -> str:
    page.locator(".ig-prompt textarea").fill("")
    page.get_by_role("radio", name="Custom").check()
    page.locator(".ig-image-size input[type=text]").fill("1000x1000")
    expect(page.locator(".ig-image-size")).to_contain_text("1008x1008")
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
        page.locator(".ig-run").focus()
        seen: dict[str, list[object]] = {}
        for _ in range(30):
            focused = page.locator(":focus")
            if not focused.evaluate("(element) => Boolean(element.closest('.ig-form'))"):
                break
            ring = focused.evaluate(_RING)
            seen[focused.evaluate("(element) => element.outerHTML.slice(0, 120)")] = ring
            page.keyboard.press("Tab")
        assert len(seen) > 8
        # The radio of a tile is laid over it without being drawn: its tile has the ring.
        unseen = {what: ring for what, ring in seen.items() if ring[1] < 2 and 'type="radio"' not in what}
        assert unseen == {}, theme
