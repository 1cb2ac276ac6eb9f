"""The site's search, in pages that are opened as files, with every request to another machine refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from support.site import build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


def test_a_reader_searches_in_files_and_nothing_is_asked_elsewhere(browser: Browser, site: Path) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    page.get_by_role("searchbox").or_(page.locator(".sidebar-search")).first.fill("cassette")
    page.keyboard.press("Enter")
    first = page.locator("#search-results li a").first
    expect(first).to_be_visible()
    with page.expect_navigation():
        page.locator("#search-results li a", has_text="Cassettes and CI").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cassettes and CI")
    page.goto((site / "notebooks" / "form.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert faults == []
    context.close()
