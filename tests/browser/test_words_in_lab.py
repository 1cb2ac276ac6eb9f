"""The form's words, labels and directions of writing, in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, opened, press_run
from support.lab import OpenNotebook, boxes, execute, run_all, screenshot, settled

ARABIC = (
    FORM.replace('"Hero image"', '"صورة البطل"')
    .replace("A hero image for {{product}}", "صورة لمنتج {{product}} في الغروب")
    .replace('"a blue bottle"', '"زجاجة زرقاء"')
)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


CHOICES = {
    "charge-type": ["Hosted", "Personal"],
    "on-failure": ["Terminate Workflow", "Continue"],
    "image-background": ["Auto", "Opaque", "Transparent"],
    "image-output-format": ["PNG", "JPEG", "WebP"],
}


def test_choices_are_called_as_on_the_platform(page: Page, subtests: pytest.Subtests) -> None:
    for key, words in CHOICES.items():
        with subtests.test(key):
            expect(page.locator(f".ig-{key} option")).to_have_text(words)


@pytest.mark.parametrize("columns", [2, 1])
def test_the_model_is_on_top_and_every_field_has_its_label_above_and_help_below(
    open_notebook: OpenNotebook, columns: int
) -> None:
    page = opened(open_notebook, size=(1280, 1500), side_bar=columns == 1)  # which takes the room of a second
    fields = page.locator(".ig-settings .igw-field:visible:not(.ig-path), .ig-prompt, .ig-image-size")
    expect(fields.nth(11)).to_be_visible()  # they are drawn one after another
    settled(page, ".ig-form")
    each = fields.all()
    assert len(each) >= 12
    labels = boxes(*(field.locator(".igw-label, label:has(input)").first for field in each))
    assert len({round(label["x"]) for label in labels if label["y"] == labels[0]["y"]}) == columns
    assert all(label["y"] >= labels[0]["y"] for label in labels)
    expect(each[0]).to_have_class(re.compile(r"\big-model\b"))
    for field in each:
        name = field.get_attribute("class")
        helped = field.locator(".igw-help")
        expect(helped).to_have_text(re.compile(r"\w"))
        control = field.locator("input:visible, select:visible, textarea:visible").first
        at, below = boxes(control, helped)
        assert below["y"] >= at["y"], name
        if "live-preview" not in name:  # a box is ticked beside its words
            above, at = boxes(field.locator(".igw-label"), control)
            assert above["y"] < at["y"], name


def test_what_is_written_from_right_to_left_is_shown_so_wherever_it_stands(
    open_notebook: OpenNotebook,
) -> None:
    page = opened(open_notebook, ARABIC, size=(1280, 1500))
    fields = (".ig-prompt textarea", ".ig-value-of-product input", ".ig-name input")
    for place in (".ig-title", ".ig-resolved", *fields):
        expect(page.locator(place)).to_have_css("direction", "rtl")
    page.get_by_role("button", name="Insert Variable").click()
    expect(page.locator(".igw-sample").first).to_have_css("direction", "rtl")
    page.keyboard.press("Escape")
    press_run(page)
    expect_status(page)
    for place in (".igw-head b", ".igw-name b"):
        expect(page.locator(place).first).to_have_css("direction", "rtl")
    screenshot(page, "words-arabic")
    page.locator(".igw-open").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".igw-prompt-text")).to_have_css("direction", "rtl")
    expect(dialog.get_by_text("زجاجة زرقاء", exact=True)).to_have_css("direction", "rtl")


def test_long_names_wrap_in_a_narrow_form_before_and_after_a_run(open_notebook: OpenNotebook) -> None:
    page = open_notebook([FORM.replace("Hero image", LONG)], size=(420, 1500), side_bar=False)
    run_all(page)
    press_run(page)
    expect_status(page)
    form = page.locator(".ig-form").first
    assert form.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")
    names = page.locator(".igw-name b, .igw-head b")
    expect(names).not_to_have_count(0)
    for name in names.all():
        assert name.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1 || !node.clientWidth")
    screenshot(page, "words-long-420", ".ig-form")


def test_one_and_many_are_told_apart(page: Page) -> None:
    cost = page.locator(".ig-cost")
    expect(cost).to_contain_text("2 task credits")
    page.locator(".ig-image-count input").fill("1")
    expect(cost).to_contain_text("1 task credit ")
    execute(page, "workspace.emulator.latency = 25")
    press_run(page)
    expect(page.get_by_text("Making 1 image…")).to_be_visible()
    expect_status(page, "running: 0 of 1 image")
    page.locator(".ig-cancel").click()
    expect_status(page, "run cancelled: 0 of 1 image had arrived")
    execute(page, "workspace.emulator.latency = 0")
