"""The form as a screen reader has it: names, roles and states of its controls, and what is announced."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from support.form_page import expect_status, opened, press_run
from support.lab import OpenNotebook, execute
from support.screen_reader import CONTROLS, STATES, Node, announced, listen, nodes

_FOCUSED = """() => {
  const focused = document.activeElement;
  const where = focused === document.body ? "page" : focused.closest("dialog") ? "dialog" : "behind";
  return [where, focused.ariaLabel || focused.title];
}"""
PAUSE = 450
"""Milliseconds after which what was typed is sent."""


def of_role(found: list[Node], *roles: str) -> list[Node]:
    return [node for node in found if node.role in roles]


def is_complete(found: list[Node]) -> None:
    """Each control is named and has its states, and nothing is read twice."""
    controls = of_role(found, *CONTROLS)
    assert len(controls) > 10
    assert [node for node in controls if not node.name.strip()] == []
    assert [node for node in controls if not STATES.get(node.role, set()) <= node.states.keys()] == []
    assert [node for node in of_role(found, "button", "checkbox") if node.description == node.name] == []
    assert [node for node in of_role(found, "image") if not node.name] == []


def test_every_control_says_what_it_is(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    settings = nodes(page, ".ig-form")
    is_complete(settings)
    assert [node.name for node in of_role(settings, "tablist")] == ["The step"]
    tabs = {node.name: node.states["selected"] for node in of_role(settings, "tab")}
    assert tabs == {"Settings": True, "Output": False}
    assert [node.name for node in of_role(settings, "tabpanel")] == ["Settings"]
    fields = [node for node in of_role(settings, "combobox", "textbox") if node.name != "Export to"]
    assert len(fields) > 8
    assert [node.name for node in fields if not node.description] == []
    (sizes,) = [node for node in of_role(settings, "group") if node.name == "Image Size"]
    assert sizes.description == "The shape of every image of a run."

    press_run(page)
    expect_status(page)
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(2)
    expect(page.get_by_role("listbox", name="History")).to_be_visible()
    output = nodes(page, ".ig-form")
    is_complete(output)
    assert [node.name for node in of_role(output, "tabpanel")] == ["Output"]
    alts = ["A hero image for a blue bottle (1 of 2)", "A hero image for a blue bottle (2 of 2)"]
    assert [node.name for node in of_role(output, "image")] == alts
    assert [node.name for node in of_role(output, "list", "listbox")][:2] == ["History", "Images"]

    opener = page.get_by_role("button", name=alts[1])
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 1536)
    viewer = nodes(page, "dialog[open]")
    is_complete(viewer)
    (root,) = of_role(viewer, "dialog")
    assert (root.name, root.states["modal"]) == ("hero-image-2.webp, image 2 of 2", True)
    assert [node.name for node in of_role(viewer, "image")] == alts[1:]
    # Beyond its last control the focus is the browser's for a moment, and never on what lies behind.
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        where, what = page.evaluate(_FOCUSED)
        assert where in ("dialog", "page")
        seen.add(what)
    assert {"Close", "Next image", "Previous image"} <= seen
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def type_slowly(page: Page, text: str) -> list[str]:
    """Type with a pause after each key, and give what was announced meanwhile."""
    for key in text:
        page.keyboard.type(key)
        page.wait_for_timeout(PAUSE)
    return announced(page)


def test_what_is_wrong_is_announced_once(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    listen(page)
    page.get_by_role("radio", name="Custom").check()
    size = page.locator(".ig-image-size input[type=text]")
    size.fill("")
    expect_status(page, "To fill in: Image Size")
    announced(page)
    told = type_slowly(page, "100x1000")
    # Its wording differs with each key; who comes back to the field hears it as it is then.
    expect(size).to_have_accessible_description(re.compile("1,?00x1,?000|Both edges|pixels are fewer"))
    wrong = [text for text in told if "edge" in text or "size" in text]
    assert len(wrong) == 1, told
    page.get_by_role("radio", name="Auto").check()
    expect(page.locator(".ig-run")).to_be_enabled()
    page.get_by_role("radio", name="Custom").check()
    announced(page)
    size.fill("170x170")
    expect(page.locator(".ig-image-size .igw-problem")).to_be_visible()
    assert [text for text in announced(page) if "edges" in text]


def test_a_run_is_told_in_few_words(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, size=(1280, 1700))
    execute(page, "workspace.emulator.latency = 3")
    listen(page)
    press_run(page)
    expect_status(page)
    told = announced(page)
    # No seconds, no percentage: how many images there are, and how it ended.
    assert told[0].startswith("running: ")
    assert told[-1].startswith("done: 2 of 2 images")
    assert len(told) <= 4, told
    execute(page, "workspace.emulator.latency = 0; workspace.emulator.script('openai', Fault('moderation'))")
    press_run(page)
    expect_status(page, "failed")
    told = announced(page)
    assert len([text for text in told if "rejected by the safety system" in text]) == 1, told
    assert len(told) <= 3, told
