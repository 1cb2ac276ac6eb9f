"""What the form tells somebody who does not know it yet, in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM
from support.lab import OpenNotebook, axe, run_all, screenshot


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    page = open_notebook([FORM], size=(1280, 1500))
    run_all(page)
    expect(page.locator(".ig-run")).to_be_enabled()
    return page


def test_a_custom_size_says_what_is_legal_and_is_not_red_before_a_key(page: Page) -> None:
    tiles = page.locator(".ig-image-size")
    tiles.get_by_role("radio", name="Auto").check(force=True)
    tiles.get_by_role("radio", name="Custom").check(force=True)
    size = tiles.get_by_label("Custom size")
    expect(tiles).to_contain_text(
        "multiples of 16, longest edge 3840, ratio up to 3:1, 655,360 to 8,294,400 pixels"
    )
    expect(page.locator(".ig-status")).to_have_text("Still to be filled in: Image Size")
    expect(size).to_have_attribute("aria-invalid", "false")
    expect(tiles.locator(".igw-problem")).to_be_hidden()
    screenshot(page, "guidance-custom-size", ".ig-form")
    assert axe(page, ".ig-image-size") == []
    size.fill("1000x1000")
    expect(tiles.locator(".igw-problem")).to_contain_text("The nearest legal size is 1008x1008")
