"""The setup sheet as a notebook shows it: a click selects a value whole, without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.lab import OpenNotebook, axe, dress, run_all, screenshot

PROMPT = "A hero image of {{product}} by {{makers}},\n\n  in the long light of an evening & <b>"
CODE = f"""
import imagegen_nb as ig
from imagegen_nb.platform import sheet
from imagegen_nb.step_file.export import define
step = ig.ImageGenerationStep(name="Hero", prompt={PROMPT!r}, image_count=2, on_failure="continue")
sheet(define(step, inputs={{"product": "a lamp"}}, identifier="step_2"))
"""
TABLE = (
    "from IPython.display import HTML\nHTML('<table id=\"other\"><tr><td><code>x</code></td></tr></table>')"
)
_STYLE_OF_OTHER = """() => { const of = (name) => {
  const style = getComputedStyle(document.querySelector(name));
  return [style.width, style.textAlign, style.userSelect, style.borderBottomWidth]; };
  return ['#other', '#other td', '#other code'].map(of); }"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    page = open_notebook([TABLE, CODE], size=(1000, 1600))
    run_all(page)
    return page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [660, 1200])
def test_it_fits_and_can_be_read(open_notebook: OpenNotebook, width: int, dark: bool) -> None:
    page = open_notebook([CODE], size=(width, 1600))
    dress(page, dark=dark)
    run_all(page)
    sheet = page.locator(".ig-sheet")
    expect(sheet).to_contain_text("cannot be edited beside Output Format PNG")
    assert sheet.evaluate("sheet => sheet.parentElement.scrollWidth <= sheet.parentElement.clientWidth")
    assert axe(page, ".ig-sheet") == []
    screenshot(page, f"sheet-{width}-{'dark' if dark else 'light'}")


def test_a_click_selects_a_value_to_the_letter(page: Page) -> None:
    page.locator(".ig-sheet code").filter(has_text="A hero image").click()
    assert page.evaluate("getSelection().toString()") == PROMPT
    page.locator(".ig-sheet summary").click()
    page.locator(".ig-sheet details code").first.click()
    assert page.evaluate("getSelection().toString()").startswith("{{step_2.output.")


def test_its_style_is_its_own(page: Page) -> None:
    expect(page.locator(".ig-sheet")).to_be_visible()
    beside = page.evaluate(_STYLE_OF_OTHER)
    page.locator(".ig-sheet style").evaluate("style => style.remove()")
    assert page.evaluate(_STYLE_OF_OTHER) == beside
