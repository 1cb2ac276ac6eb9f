"""What the form says of a wrong value, in a real JupyterLab: where it stands, and what mends it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import opened
from support.lab import OpenNotebook, axe, screenshot, settled

# Whether the ring of the focus leaves the border in sight, and the border is red.
_LOOK = """(node) => {
  const { borderTopColor, outlineOffset } = getComputedStyle(node);
  const bad = document.createElement("i");
  bad.style.color = "var(--igw-bad)";
  node.parentElement.append(bad);
  const wanted = getComputedStyle(bad).color;
  bad.remove();
  return [parseFloat(outlineOffset) > 0, borderTopColor === wanted];
}"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


def make_wrong(page: Page, key: str) -> tuple[Locator, Locator]:
    """Enter something that is not possible; the field it was typed into, and all that the setting has."""
    whole = page.locator(f".ig-{key}")
    if key == "prompt":
        field = whole.locator("textarea")
        field.fill("")
        field.press("Control+Enter")
    elif key == "image-size":
        whole.get_by_role("radio", name="Custom").check()
        field = whole.get_by_label("Custom size")
        field.fill("1000x1000")
    else:
        field = whole.locator("input")
        field.fill("2.7")
    return field, whole


@pytest.mark.parametrize("key", ["prompt", "image-count", "image-size"])
def test_an_error_stands_and_is_read_next_to_its_field_which_is_red(page: Page, key: str) -> None:
    field, whole = make_wrong(page, key)
    problem = whole.locator(".igw-problem")
    expect(problem).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    settled(page, f".ig-{key} .igw-problem")
    box, told = field.bounding_box(), problem.bounding_box()
    assert 0 <= told["y"] - box["y"] - box["height"] < 12
    others = whole.locator(".igw-help, .igw-hint, .igw-note, .igw-limits")
    below = [other.bounding_box()["y"] for other in others.all() if other.is_visible()]
    assert below
    assert min(below) >= told["y"] + told["height"]
    described = field.get_attribute("aria-describedby").split()
    assert described[0] == problem.get_attribute("id")
    assert len(described) > 1
    assert field.evaluate(_LOOK) == [True, True]
    screenshot(page, f"error-at-{key}", f".ig-{key}")
    assert axe(page, f".ig-{key}") == []
