"""A sweep's grid in a real JupyterLab: looked at, decided and mended by keys alone, in both themes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import saved, without_kernel
from support.lab import (
    Opener,
    OpenNotebook,
    boxes,
    dress,
    examine,
    execute,
    run_all,
    screenshot,
    settled,
)

SWEEP = """
import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from uuid import uuid4
workspace = ig.Workspace(f"assets-{uuid4().hex}", backend="emulator")
workspace.emulator.script("openai", *[Fault("ok")] * 4, Fault("moderation"), Fault("bad_request"))
step = ig.ImageGenerationStep(prompt="A {{product}} on sand", image_size="1024x640", image_quality="low")
prompts = ["A {{product}} on warm sand, soft light", "A {{product}} in deep snow, soft light"]
sweep = ig.Sweep(step, over={"prompt": prompts, "product": ["lamp", "vase", "chair"]})
sweep.run(workspace=workspace, progress=False, concurrency=1)
"""
ONE_AXIS = """
import imagegen_nb as ig
step = ig.ImageGenerationStep(prompt="A {{product}} on sand", image_size="1024x640", image_quality="low")
sweep = ig.Sweep(step, over={"product": ["lamp", "vase"]})
sweep.run(workspace=ig.Workspace("assets", backend="emulator"))
"""

TURN_TO_IT = """(selector) => {
  document.querySelector(".ig-sweep-grid").dispatchEvent(new PointerEvent("pointerenter"));
  return document.querySelector(selector);
}"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    page = open_notebook([SWEEP], size=(1280, 1100))
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    return page


def pictures(page: Page) -> Locator:
    """The pictures that are there."""
    return page.locator(".igw-cells .igw-open img[src]")


def picture(page: Page, key: str) -> Locator:
    """The button with the picture of a cell, by cell and image."""
    return page.locator(f'.igw-cells [data-key="open {key}"]')


def is_legible(page: Page, selector: str) -> None:
    examined = examine(page, selector)
    assert examined.wrong == []
    assert examined.contrasts[0] >= 4.5


def test_cells_are_looked_at_and_decided_by_keys_alone(page: Page) -> None:
    expect(page.locator(".ig-fallback")).to_be_hidden()
    picture(page, "0.0").focus()
    page.keyboard.press("ArrowRight")
    expect(picture(page, "1.0")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(picture(page, "4.0")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cell 1 · prompt: A {{product}} on warm sand")
    expect(dialog).to_be_visible()
    expect(dialog.locator(".igw-about")).to_contain_text("vase")
    expect(dialog.locator(".igw-about")).to_contain_text("$")
    settled(page, ".igw-lightbox")
    for key in ("s", "p"):
        page.keyboard.press(key)
    expect(dialog.get_by_role("button", name="Picked")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("n")
    page.keyboard.type("more light")
    page.keyboard.press("Tab")
    expect(dialog.get_by_text("Saved")).to_be_visible()
    is_legible(page, ".igw-lightbox")
    screenshot(page, "grid-viewer")
    dialog.locator(".igw-stage").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("dialog", name="Cell 5")).to_contain_text("failed")
    page.keyboard.press("Escape")
    expect(picture(page, "5.0")).to_be_focused()
    expect(page.get_by_role("group", name="Cell 1 ")).to_contain_text("more light")
    assert execute(page, "print(*sweep.picked, *sweep.starred, sweep[1].note)").endswith("more light")
    assert execute(page, "print(sweep.picked == sweep.starred == [sweep[1]])") == "True"
    page.get_by_role("button", name="Picked: cell 1").click()
    expect(page.get_by_text("Cell 1 is not picked any more.")).to_be_visible()
    assert execute(page, "print(sweep.picked); sweep.pick(2)") == "[]"
    page.wait_for_function(TURN_TO_IT, arg='[data-key="pick 2"][aria-pressed="true"]', polling=300)


def test_only_failed_cells_are_run_again_where_one_sees_it(page: Page) -> None:
    is_legible(page, ".ig-sweep-grid")
    screenshot(page, "grid", ".ig-sweep-grid")
    assert execute(page, "print(workspace.count_runs())") == "6"
    picture(page, "5.0").click()
    dialog = page.get_by_role("dialog", name="Cell 5")
    dialog.get_by_role("button", name="Run again").press("Enter")
    expect(dialog.locator(".igw-stage img[src^=blob]")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("dialog", name="Cell 0")).to_be_visible()
    page.keyboard.press("End")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(pictures(page)).to_have_count(5)
    expect(picture(page, "5.0")).to_be_focused()
    expect(page.locator(".igw-failed")).to_contain_text("Estimate: $0.")
    execute(page, "workspace.emulator.latency = 1.5")
    page.get_by_role("button", name="Run 1 failed cell again").press("Enter")
    expect(page.get_by_text("0 of 1")).to_be_visible()
    screenshot(page, "grid-running", ".ig-sweep-grid")
    expect(page.get_by_text("Ran 1 cell again: 1 done.")).to_be_visible()
    expect(pictures(page)).to_have_count(6)
    expect(page.get_by_role("button", name="again")).to_have_count(0)
    assert execute(page, "print(workspace.count_runs(), sweep.counts())") == "8 {'done': 6}"


def test_what_is_decided_in_code_shows_in_the_open_grid(page: Page) -> None:
    choice = page.locator('.igw-cells [data-key="pick 1"]')
    expect(choice).to_have_text("Pick")
    execute(page, "sweep.pick(1)")
    expect(choice).to_have_text("Picked")
    execute(page, "sweep.unpick(1)")
    expect(choice).to_have_text("Pick")
    execute(page, "ig.Gallery([sweep[2].run]).star(sweep[2].assets[0])")
    expect(page.locator('.igw-cells [data-key="star 2.0"]')).to_have_attribute("aria-pressed", "true")


def test_one_axis_has_no_heading_of_columns(open_notebook: OpenNotebook) -> None:
    page = open_notebook([ONE_AXIS], size=(1280, 1100))
    run_all(page)
    expect(pictures(page)).to_have_count(2)
    table = page.locator(".igw-cells")
    expect(table.locator("thead")).to_have_count(0)
    assert table.evaluate("table => [...table.childNodes].filter(one => one.nodeType === 3).length") == 0
    screenshot(page, "sweep-one-axis")


def test_it_is_read_in_both_themes_at_any_width(page: Page) -> None:
    page.get_by_role("button", name="Pick: cell 1").click()
    expect(page.get_by_role("button", name="Picked: cell 1")).to_have_attribute("aria-pressed", "true")
    page.set_viewport_size({"width": 1600, "height": 1000})
    for dark in (False, True):
        dress(page, dark=dark)
        for width in (420, 1200):
            page.locator(".ig-sweep-grid").evaluate(f"(el) => {{ el.style.width = '{width}px'; }}")
            settled(page, ".igw-cells .igw-card")
            is_legible(page, ".ig-sweep-grid")
            assert page.locator(".ig-sweep-grid").evaluate("(el) => el.scrollWidth <= el.clientWidth")
            widths = page.locator(".igw-cells td .igw-card").evaluate_all(
                "(all) => all.map((el) => el.offsetWidth)"
            )
            assert max(widths) - min(widths) <= 1
            screenshot(page, f"grid-{width}-{'dark' if dark else 'light'}", ".ig-sweep-grid")
    picture(page, "4.0").click()
    page.set_viewport_size({"width": 420, "height": 850})
    settled(page, ".igw-lightbox")
    is_legible(page, ".igw-lightbox")
    screenshot(page, "grid-viewer-420-dark")


def test_without_its_kernel_it_is_still_looked_at_and_reopened_a_static_table(
    page: Page, opener: Opener
) -> None:
    picture(page, "0.0").click()
    expect(page.locator(".igw-stage img[src^=blob]")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    alert = page.locator(".ig-sweep-grid").get_by_role("alert").filter(has_text="The kernel is gone")
    expect(alert).to_be_visible()
    expect(page.locator(".igw-cells").get_by_role("button", name="Pick")).to_have_count(0)
    picture(page, "0.0").click()
    expect(page.get_by_role("dialog", name="Cell 0")).to_be_visible()
    is_legible(page, ".igw-lightbox")
    page.keyboard.press("Escape")
    document, size = saved(page, opener)
    assert size < 120_000
    opener.close(page)
    page = opener.open_file(without_kernel(document, opener))
    table = page.locator(".ig-fallback table.ig-grid")
    expect(table.locator("summary img")).to_have_count(4)
    page.get_by_role("dialog").get_by_role("button", name="Select Kernel").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    larger = table.locator("details > img")
    expect(larger.first).to_be_hidden()
    table.locator("summary").first.click()
    expect(larger.first).to_be_visible()
    large, small = boxes(larger.first, table.locator("summary img").nth(1))
    assert large["width"] > small["width"]
    screenshot(page, "grid-larger")
    table.locator("summary").first.press("Enter")
    expect(larger.first).to_be_hidden()
    expect(table).to_contain_text("rejected by the safety system")
    expect(page.locator(".ig-live")).to_have_count(0)
    screenshot(page, "grid-reopened")
