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


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=system_parts.chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    step = ig.ImageGenerationStep(
        name="Hero <b>", prompt="A long hero of {{product}} " * 30, image_count=2, on_failure="continue"
    )
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


def test_without_its_script_it_is_all_there(browser: Browser, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    expect(page.get_by_text("{{step_2.output.assets.1.file_url}}").first).to_be_visible()
    expect(page.locator("button:visible")).to_have_count(0)
