"""The report of a sweep as somebody without a notebook opens it: without scripts and network, in any look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright
from support import system_parts
from support.lab import ARGUMENTS, axe

import imagegen_nb as ig
from imagegen_nb.emulator import Emulator, Fault

WIDTHS = {"wide": 1200, "narrow": 360}


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One without the profile that the notebooks' pages share: each page is as somebody opens it first."""
    browser = playwright.chromium.launch(executable_path=system_parts.chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report with all that can stand in one."""
    folder = tmp_path_factory.mktemp("report")
    with ig.Workspace(folder / "assets", backend="emulator") as workspace:
        Emulator.shared().script("openai", Fault("moderation"), Fault("drop"))
        sweep = ig.Sweep(
            ig.ImageGenerationStep(prompt="x", image_size="1024x640"),
            over={
                "prompt": ["A {{product}} on warm sand", "A {{product}} in deep snow"],
                "product": [
                    "lamp",
                    "<script>document.title = 'ran'</script><img src='https://example.com/'>",
                ],
                "image_quality": ["low", "auto"],
                "image_background": ["opaque", "green"],
            },
            invalid="skip",
        ).run(workspace=workspace, progress=False, concurrency=1)
        sweep.pick(sweep.done[1])
        return sweep.report(folder / "sweep.html", most=4, remarks=lambda _: {"Stars": "3 of 5"}).as_uri()


def opened(browser: Browser, address: str, **look: object) -> tuple[Page, list[str]]:
    """The page, and what it asked for beside itself; all of that is refused."""
    page = browser.new_context(**look).new_page()
    asked: list[str] = []

    def answer(route) -> None:
        if route.request.url == address:
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    page.route(lambda url: not url.startswith("data:"), answer)
    page.goto(address)
    return page, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_is_read_without_script_and_network(browser, report, scheme, width):
    page, asked = opened(
        browser,
        report,
        java_script_enabled=False,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
    )
    pictures = page.locator("img")
    assert pictures.count() >= 4
    assert all(pictures.nth(n).evaluate("(img) => img.naturalWidth > 0") for n in range(pictures.count()))
    assert page.locator("h1").inner_text().startswith("Sweep · 8 cells")
    assert page.title() != "ran"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert asked == []


def test_a_picture_opens_larger_without_script_and_the_page_stays_as_it_was(browser, report):
    page, _ = opened(browser, report, java_script_enabled=False, viewport={"width": 1200, "height": 900})
    height = page.evaluate("document.documentElement.scrollHeight")
    first = page.locator("summary").first
    small = first.locator("img").bounding_box()
    first.click()
    large = first.locator("img").bounding_box()
    assert large["width"] > 1.5 * small["width"]
    assert 0 <= large["y"] <= large["y"] + large["height"] <= 900
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.mouse.click(5, 450)  # anywhere
    assert first.locator("img").bounding_box() == small
    first.press("Enter")
    assert first.locator("img").bounding_box() == large


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_its_own_policy_refuses_scripts(browser, report, scheme):
    page, asked = opened(browser, report, color_scheme=scheme)
    assert axe(page, "html") == []
    told = []
    page.on("console", lambda message: told.append(message.text))
    with page.expect_console_message():
        page.evaluate(
            "() => document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))"
        )
    assert "Content Security Policy" in told[0]
    assert asked == []


def test_it_prints_on_pages_whatever_the_scheme(browser, report):
    page, _ = opened(browser, report, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert page.pdf().startswith(b"%PDF")
