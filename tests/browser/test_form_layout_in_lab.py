"""How the form is laid out from a phone's width to a wide window: rows are full, no button stands alone."""

from __future__ import annotations

import pytest
from support.form_page import opened
from support.lab import OpenNotebook, boxes, dress, screenshot, settled

# In how many rows each stand, once the form has taken up the window's width.
_ROWS = """([width, tiles, buttons]) => {
  const rows = (selector) => new Set([...document.querySelectorAll(selector)]
    .map((one) => Math.round(one.getBoundingClientRect().top))).size;
  const form = document.querySelector(".ig-form");
  return innerWidth === width && form.scrollWidth <= form.clientWidth
    && rows(".ig-image-size .igw-tile") === tiles && rows(".ig-buttons button") === buttons;
}"""


NARROW = {360: (2, 2), 400: (2, 2)}
"""By the width of the window: the rows of size tiles, and of the buttons for files; wider, both have one."""
WIDE = (640, 800, 1100, 1280, 1400, 1600)


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_tiles_and_buttons_stand_in_full_rows(open_notebook: OpenNotebook, host: str) -> None:
    page = opened(open_notebook, host=host, size=(1600, 1400))
    rows = NARROW | dict.fromkeys(WIDE, (1, 1))
    if host == "lab":  # whose side bar takes a large part of a narrow window
        rows = dict.fromkeys(WIDE[3:], (1, 1))
    for width, count in rows.items():
        page.set_viewport_size({"width": width, "height": 1400})
        page.wait_for_function(_ROWS, arg=[width, *count])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_that_python_was_copied_is_told_beside_its_button(open_notebook: OpenNotebook, dark: bool) -> None:
    page = opened(open_notebook, size=(1400, 1400))
    dress(page, dark=dark)
    button, told = page.locator(".ig-python button"), page.locator(".ig-copied")
    settled(page, ".ig-python button")
    (before,) = boxes(button)
    button.click()
    told.filter(has_text="Copied").wait_for()
    at, beside = boxes(button, told)
    assert at == before  # nothing moves away from under the pointer
    assert beside["x"] - (at["x"] + at["width"]) >= 8
    assert abs((beside["y"] + beside["height"] / 2) - (at["y"] + at["height"] / 2)) < 2
    screenshot(page, f"form-copied-{'dark' if dark else 'light'}", ".ig-form")
