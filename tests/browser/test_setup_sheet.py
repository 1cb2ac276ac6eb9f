"""The setup sheet as somebody opens it: nothing is asked of the network, values are copied, it reads without
its script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect
from support import system_parts
from support.lab import ARGUMENTS, axe

import imagegen_nb as ig
from imagegen_nb.platform import sheet
from imagegen_nb.step_file.export import define

PROMPT = 'A "long" hero of {{product}} & <b>,\n\n  on two lines ' * 30


NO_API = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=system_parts.chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    step = ig.ImageGenerationStep(name="Hero <b>", prompt=PROMPT, image_count=2, on_failure="continue")
    definition = define(step, inputs={"product": "a lamp"}, identifier="step_2")
    return sheet(definition).save(Path(tmp_path_factory.mktemp("sheet")) / "sheet.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1000])
def test_it_fits_can_be_read_and_copies(browser: Browser, address: str, width: int, scheme: str) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    button = page.get_by_role("button", name="Copy Model")
    button.click()
    expect(page.get_by_role("button", name="Copied Model")).to_have_text("Copied")
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page, "html") == []


@pytest.mark.parametrize("has_api", [True, False])
def test_what_is_copied_is_the_value_to_the_letter(browser: Browser, address: str, has_api: bool) -> None:
    """By the clipboard's API, and where a page opened as a file has none."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    if not has_api:
        page.evaluate(NO_API)
    for label, value in (("Prompt", PROMPT), ("Options source", "{{step_2.output.assets}}")):
        page.get_by_role("button", name=f"Copy {label}").click()
        expect(page.get_by_role("button", name=f"Copied {label}")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == value


def test_where_nothing_can_be_copied_it_is_selected_and_says_so(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    page.goto(address)
    page.evaluate(NO_API)
    page.evaluate("() => { document.execCommand = () => false; }")
    page.get_by_role("button", name="Copy Model").click()
    expect(page.get_by_role("button", name="Selected Model")).to_have_text("Selected")
    assert page.evaluate("getSelection().toString()") == "gpt-image-2"


def test_the_paths_unfold_by_keyboard_and_without_the_script(browser: Browser, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    last = page.get_by_text("{{step_2.output.assets.1.file_type}}").last
    expect(last).to_be_hidden()
    page.locator("summary").press("Enter")
    expect(last).to_be_visible()


def test_without_its_script_it_is_all_there(browser: Browser, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    expect(page.get_by_text("{{step_2.output.assets.1.file_url}}").first).to_be_visible()
    expect(page.locator("button:visible")).to_have_count(0)
