"""Tiles while another model's options are on their way from the kernel, message by message: a page of its own
with the widget's script, and a model that says what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support.lone_widget import draw_alone

from imagegen_nb.widgets.tiles import TileChoice

RATIOS = [{"value": ratio, "label": ratio} for ratio in ("1:1", "2:3")]
SIZES = [{"value": size, "label": size} for size in ("auto", "1024x1024", "1536x1024")]
BEFORE = {
    "value": "1:1",
    "legend": "Image Size",
    "options": RATIOS,
    "custom": False,
    "limits": "",
    "problem": "",
    "fixes": [],
    "lines": {},
    "visible": True,
    "disabled": False,
}
CHANGES = {"custom": True, "options": SIZES, "value": "auto"}
"""What another model changes: one message each."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    draw_alone(page, TileChoice, BEFORE)
    yield page
    page.close()


def arrive(page: Page, name: str, value: Any) -> None:
    page.evaluate("([name, value]) => arrive(name, value)", [name, value])


@pytest.mark.parametrize("order", list(permutations(CHANGES)), ids=" ".join)
def test_run_between_the_messages_sends_no_size_that_nobody_typed(page: Page, order: tuple[str, ...]) -> None:
    for name in order:
        arrive(page, name, CHANGES[name])
        page.evaluate("flush()")
    assert page.evaluate("sent") == []
    expect(page.get_by_role("radio", name="auto")).to_be_checked()
    expect(page.get_by_role("textbox")).to_be_hidden()


def test_run_sends_what_was_just_typed_also_where_a_tile_has_it(page: Page) -> None:
    for name, value in CHANGES.items():
        arrive(page, name, value)
    page.get_by_role("radio", name="Custom").check()
    assert page.evaluate("sent.map(({ type, value }) => [type, value])") == [["entry", "x"]]
    page.get_by_role("textbox").press_sequentially("1536 × 1024")
    page.evaluate("flush()")
    assert page.evaluate("[sent.at(-1)].map(({ type, value }) => [type, value])") == [["entry", "1536x1024"]]
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    expect(page.get_by_role("textbox")).to_have_value("1536 × 1024")


def test_a_size_that_no_tile_has_stays_custom_through_a_model_without_such(page: Page) -> None:
    for name, value in (CHANGES | {"value": "1600x1008"}).items():
        arrive(page, name, value)
    for name, value in (BEFORE | CHANGES | {"value": "1600x1008"}).items():
        if name in CHANGES:
            arrive(page, name, BEFORE[name])
            arrive(page, name, value)
            page.evaluate("flush()")
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    expect(page.get_by_role("textbox")).to_have_value("1600x1008")
    assert page.evaluate("sent") == []
