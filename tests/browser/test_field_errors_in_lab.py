"""What the form says of a wrong value, in a real JupyterLab: where it stands, and what mends it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import opened
from support.lab import OpenNotebook, axe, boxes, execute, screenshot, settled

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
    others = whole.locator(".igw-help, .igw-hint, .igw-note, .igw-limits")
    box, told, *below = boxes(field, problem, *(other for other in others.all() if other.is_visible()))
    assert 0 <= told["y"] - box["y"] - box["height"] < 12
    assert below
    assert min(other["y"] for other in below) >= told["y"] + told["height"]
    described = field.get_attribute("aria-describedby").split()
    assert described[0] == problem.get_attribute("id")
    assert len(described) > 1
    assert field.evaluate(_LOOK) == [True, True]
    screenshot(page, f"error-at-{key}", f".ig-{key}")
    assert axe(page, f".ig-{key}") == []


def test_a_proposed_size_is_one_click_and_the_focus_stays(page: Page) -> None:
    field, size = make_wrong(page, "image-size")
    use = size.get_by_role("button", name="Use 1008 × 1008")
    expect(use).to_be_visible()
    screenshot(page, "error-size-fix", ".ig-image-size")
    assert axe(page, ".ig-image-size") == []
    use.focus()
    page.keyboard.press("Enter")
    expect(field).to_have_value("1008x1008")
    expect(field).to_be_focused()
    expect(use).to_have_count(0)
    expect(page.locator(".ig-run")).to_be_enabled()
    assert execute(page, "print(form.step.image_size)") == "1008x1008"


MEANT = [
    ("A {{produt}} at {{ produt }}", "Replace {{produt}} by {{product}}", "A {{product}} at {{product}}"),
    ("A hero for {{product", "Replace {{product by {{product}}", "A hero for {{product}}"),
    (
        "Like {{step_1.output.assets[0].file_name}}",
        "Replace {{step_1.output.assets[0].file_name}} by {{step_1.output.assets.0.file_name}}",
        "Like {{step_1.output.assets.0.file_name}}",
    ),
]


def test_the_path_that_is_meant_is_one_click_and_can_be_undone(page: Page, subtests: pytest.Subtests) -> None:
    area = page.locator(".ig-prompt textarea")
    for typed, button, becomes in MEANT:
        with subtests.test(typed):
            area.fill(typed)
            use = page.locator(".ig-prompt").get_by_role("button", name=button)
            use.click()
            expect(area).to_have_value(becomes)
            expect(area).to_be_focused()
            expect(use).to_have_count(0)
            expect(page.locator(".ig-run")).to_be_enabled()
            page.keyboard.press("Control+z")
            expect(area).to_have_value(typed)


def test_the_model_that_takes_anothers_place_is_one_click(page: Page) -> None:
    model = page.locator(".ig-model select")
    model.select_option("gemini-2.5-flash-image")
    page.locator(".ig-model").get_by_role("button", name="Use gemini-3.1-flash-lite-image").click()
    expect(model).to_have_value("gemini-3.1-flash-lite-image")
    expect(model).to_be_focused()
    expect(page.locator(".ig-model .igw-fixes")).to_be_hidden()
