"""A form and a gallery in Voilà and marimo, whose servers see nobody else: `./dev hosts` fetches both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from support import hosts
from support.form_page import FORM, expect_status, press_run
from support.hosts import Host
from support.lab import WAIT, examine, screenshot

pytestmark = pytest.mark.skipif(hosts.ENVIRONMENT is None, reason="./dev hosts installs Voilà and marimo")

GALLERY = "ig.Gallery(step_1)"
# Voilà's own page asks for it; the form has none of its icons.
_FONT_AWESOME = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free"
# The colour of what stands in an empty field, and that of a line of help, whose contrast axe measures.
_PLACEHOLDER = """(input) => [
  getComputedStyle(input, "::placeholder").color,
  getComputedStyle(input.closest(".igw").querySelector(".ig-promise")).color,
]"""


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["voila", "marimo"])
def host(request: pytest.FixtureRequest) -> Host:
    host: Host = request.param
    return host


@pytest.fixture
def page(host: Host, theme: str, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The host's page; whatever it asks of another machine is refused."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(WAIT * 1000)
    foreign, errors = list[str](), list[str]()

    def only_here(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("data", "blob") or address.hostname == "127.0.0.1":
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", only_here)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    with hosts.served(host, [FORM, GALLERY], tmp_path, dark=theme == "dark") as url:
        page.goto(url)
        expect(page.locator(".ig-run")).to_be_enabled()
        yield page
        context.close()
    assert errors == []
    assert [url for url in foreign if not (host == "voila" and url.startswith(_FONT_AWESOME))] == []


def is_legible(page: Page) -> None:
    """Nothing of ours is too pale; the hosts answer for their own."""
    examined = examine(page, "body", "color-contrast")
    assert len(examined.contrasts) > 20  # or axe did not look into marimo's shadow trees
    assert [line for line in examined.wrong if re.search(r'class="[^"]*\big', line)] == []


def test_a_form_and_a_gallery_are_used(page: Page, host: Host, theme: str) -> None:
    shown = page.locator(".ig-gallery").last
    expect(shown.locator(".igw-grid img")).to_have_count(1)
    expect(page.locator(".ig-fallback").filter(visible=True)).to_have_count(0)
    placeholder, legible = page.locator(".ig-path input").evaluate(_PLACEHOLDER)
    assert placeholder == legible
    is_legible(page)
    screenshot(page, f"{host}-{theme}-settings")

    # Filled in, with a variable from the picker.
    page.locator(".ig-prompt textarea").fill("A lamp for {{product}} and {{place}} ")
    page.get_by_label("Value of {{place}}").fill("a hall")
    page.get_by_role("button", name="Insert Variable").click()
    page.get_by_role("combobox", name=re.compile("variable|filter", re.IGNORECASE)).fill("image_size")
    screenshot(page, f"{host}-{theme}-picker")
    page.keyboard.press("Enter")
    expect(page.locator(".ig-resolved")).to_have_text("A lamp for a blue bottle and a hall 1024x1024")

    # Run; its images and its paths.
    press_run(page)
    expect_status(page)
    output = page.get_by_role("tabpanel", name="Output")
    images = output.locator(".igw-grid img")
    expect(images).to_have_count(2)
    for number in range(2):
        expect(images.nth(number)).to_have_attribute("src", re.compile("^blob:"))
        images.nth(number).evaluate("(img) => img.decode()")
    expect(output.locator(".ig-output-tree")).to_contain_text("step_2.output")
    is_legible(page)
    screenshot(page, f"{host}-{theme}-output")
    images.first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 1536)
    screenshot(page, f"{host}-{theme}-viewer")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    # Written to where the host runs.
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("button", name="Export the step").click()
    expect(page.locator(".ig-import-export")).to_contain_text("Saved run 1 to hero-image.step.json")
    is_legible(page)
    screenshot(page, f"{host}-{theme}-export")
