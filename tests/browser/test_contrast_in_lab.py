"""axe-core on every state of the form and the gallery, light and dark: contrast above all."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, press_run
from support.lab import OpenNotebook, axe, contrasts, execute, run_all, screenshot


def wrong(page: Page, selector: str, state: str) -> list[str]:
    """What axe finds in a state, and text of too little contrast."""
    found = axe(page, selector)
    seen = contrasts(page, selector)
    assert seen, f"no contrast was taken in {state}"
    return [f"{state}: {line}" for line in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_state_is_accessible(open_notebook: OpenNotebook, dark: bool) -> None:
    theme = "dark" if dark else "light"
    page = open_notebook([FORM], dark=dark, size=(1280, 1700))
    run_all(page)
    expect(page.locator(".ig-run")).to_be_enabled()
    found = wrong(page, ".ig-form", "untouched")
    screenshot(page, f"contrast-untouched-{theme}")
    print(json.dumps(found, indent=1), Counter(contrasts(page, ".ig-form")))
    assert found == []
