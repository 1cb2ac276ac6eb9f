"""What somebody does in a form while the kernel's messages are still under way, by one widget at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.lab import boxes
from support.runs import run_of
from support.slow_kernel import SlowKernel

from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.exportable import Exportable
from imagegen_nb.widgets.gallery import Gallery, RunAction
from imagegen_nb.widgets.gallery_page import PendingRun
from imagegen_nb.widgets.header import Header
from imagegen_nb.widgets.import_export import ImportExport, ImportExportCallbacks
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

STEP = ImageGenerationStep(name="Hero", prompt="a fox", image_count=3)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(f"{error}\n{error.stack}"))
    yield page
    page.close()
    assert failures == []


def test_a_prompt_typed_before_an_undo_is_heard_of_stays(page: Page) -> None:
    box = PromptBox(value="first")
    kernel = SlowKernel(page, box)
    box.value = "restored"
    prompt = page.get_by_label("Prompt")
    prompt.fill("typed")
    prompt.blur()
    kernel.tell()
    expect(prompt).to_have_value("typed")
    kernel.answer()
    expect(prompt).to_have_value("typed")
    assert box.value == "typed"
    box.value = "restored"
    kernel.answer()
    expect(prompt).to_have_value("restored")


def test_a_tile_chosen_before_an_undo_is_heard_of_stays(page: Page) -> None:
    sizes = [{"value": f"{side}x{side}"} for side in (512, 1024, 2048)]
    tiles = TileChoice(legend="Image Size", value="512x512", options=sizes)
    kernel = SlowKernel(page, tiles)
    tiles.value = "2048x2048"
    page.get_by_role("radio", name="1024x1024").check()
    kernel.tell()
    expect(page.get_by_role("radio", name="1024x1024")).to_be_checked()
    kernel.answer()
    expect(page.get_by_role("radio", name="1024x1024")).to_be_checked()
    assert tiles.value == "1024x1024"


def exporter() -> ImportExport:
    return ImportExport(
        ImportExportCallbacks(lambda: Exportable(step=STEP, identifier="step_2"), lambda _: None)  # type: ignore[arg-type,return-value]
    )


def test_a_name_that_is_typed_in_two_halves_is_one(page: Page) -> None:
    exports = exporter()
    kernel = SlowKernel(page, exports)
    name = page.get_by_label("Export to")
    name.press_sequentially("he")
    exports._default_name = "other.step.json"  # of what was typed into the prompt before
    exports._refresh()
    page.wait_for_function("() => !document.querySelector('[aria-busy]')")
    name.blur()
    kernel.tell()
    expect(name).to_have_value("he")
    name.press_sequentially("ro")
    kernel.answer()
    expect(name).to_have_value("hero")
    name.blur()
    kernel.answer()
    assert exports.path.value == "hero"


def test_what_is_under_way_from_before_unticks_no_box(page: Page) -> None:
    exports = exporter()
    kernel = SlowKernel(page, exports)
    exports._default_name = "other.step.json"
    exports._refresh()
    box = page.get_by_role("checkbox")
    box.uncheck()
    kernel.tell()
    expect(box).not_to_be_checked()
    kernel.answer()
    expect(box).not_to_be_checked()


def test_a_button_of_a_notice_does_what_it_said_when_it_was_pressed(page: Page) -> None:
    done: list[str] = []
    header = Header(lambda: None, lambda: None)
    header.show_notice("Imported.", "Undo", lambda: done.append("undone"))
    kernel = SlowKernel(page, header)
    header.show_report("hero is there already.", [("Replace hero", lambda: done.append("replaced"))])
    page.get_by_role("button", name="Undo").click()
    kernel.answer()
    assert done == []
    page.get_by_role("button", name="Replace hero").click()
    kernel.answer()
    assert done == ["replaced"]


def test_a_double_click_on_undo_is_no_redo(page: Page) -> None:
    done: list[str] = []
    header = Header(lambda: None, lambda: None)

    def undo() -> None:
        done.append("undone")
        header.show_notice("Restored.", "Redo", lambda: done.append("redone"))

    header.show_notice("Imported.", "Undo", undo)
    kernel = SlowKernel(page, header)
    page.get_by_role("button", name="Undo").dblclick()
    kernel.answer()
    assert done == ["undone"]
    page.get_by_role("button", name="Redo").dispatch_event(
        "click", {"detail": 2}
    )  # its second half, come late
    kernel.answer()
    assert done == ["undone"]


def test_late_variables_leave_the_one_that_was_chosen(page: Page) -> None:
    box = PromptBox(value="", variables=[{"path": name} for name in ("alpha", "beta", "gamma")])
    kernel = SlowKernel(page, box)
    page.get_by_role("button", name="Insert Variable").click()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("beta")
    box.variables = [{"path": name} for name in ("aaa", "alpha", "beta", "gamma")]
    kernel.tell()
    expect(page.get_by_role("option")).to_have_count(4)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prompt")).to_have_value("{{beta}}")


@pytest.fixture
def gallery(workspace: Workspace) -> Gallery:
    """Of twelve runs of three images each, the last of which is shown."""
    runs = [
        run_of(STEP.replace(name=f"Hero {number}"), workspace.store, identifier="step_2")
        for number in range(12)
    ]
    return Gallery(runs)


@pytest.fixture
def slow(page: Page, gallery: Gallery) -> SlowKernel:
    """The gallery in the page, with nothing under way."""
    kernel = SlowKernel(page, gallery)
    kernel.answer()
    expect(page.get_by_role("listbox", name="History").get_by_role("option")).to_have_count(36)
    expect(page.locator(".igw-grid img[src]")).to_have_count(3)
    return kernel


def begin(gallery: Gallery, name: str = "pending-1") -> None:
    """A run begins somewhere behind the one that is shown."""
    gallery.begin(PendingRun(name, 2, STEP, started=time.monotonic()), show=False)


def held(page: Page, part: Locator) -> None:
    """Press the mouse on it, and do not let it go."""
    part.scroll_into_view_if_needed()
    (box,) = boxes(part)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()


def released(page: Page, slow: SlowKernel, wanted: str) -> None:
    """Let the mouse go, which is a click: the kernel is asked for what is `wanted`, and answers."""
    page.mouse.up()
    page.wait_for_function("(wanted) => kernels[0].waiting(wanted)", arg=wanted)
    slow.answer()


def entry(page: Page, run: int, image: int = 1) -> Locator:
    """An image of a run in the history; both from 1."""
    return (
        page.get_by_role("listbox", name="History").get_by_role("option", name=f", run {run}").nth(image - 1)
    )


def test_the_number_of_a_run_is_typed_while_another_begins(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    number = page.get_by_label("Number of the run to show")
    number.press("Control+a")
    number.press("1")
    begin(gallery)
    slow.tell()
    expect(page.locator(".igw-where")).to_contain_text("of 13")
    page.keyboard.press("0")
    expect(number).to_have_value("10")
    page.keyboard.press("Enter")
    slow.answer()
    expect(page.locator(".igw-title")).to_contain_text("Hero 9")
    expect(number).to_have_value("10")


def test_a_button_that_is_drawn_anew_while_it_is_pressed_was_clicked(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    held(page, page.get_by_role("button", name="Older run"))
    begin(gallery)
    slow.tell()
    expect(page.locator(".igw-where")).to_contain_text("of 13")
    released(page, slow, "flip")
    expect(page.locator(".igw-title")).to_contain_text("Hero 10")


def test_a_card_that_is_drawn_anew_while_its_star_is_pressed_was_clicked(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    star = page.locator(".igw-card .igw-star").first
    node = star.element_handle()
    held(page, star)
    gallery.mark_output(gallery.runs[0].id)  # which all paths mean from now on
    slow.tell()
    page.wait_for_function("(node) => !node.isConnected", arg=node)
    released(page, slow, "star")
    assert gallery.starred == gallery.runs[-1].output.assets[:1]


def test_no_button_of_another_run_is_clicked_instead(page: Page, slow: SlowKernel, gallery: Gallery) -> None:
    acted: list[str] = []
    gallery.offer(RunAction("again", lambda _: "Run again", lambda shown: acted.append(shown.id) or ""))
    slow.answer()
    again = page.get_by_role("button", name="Run again")
    node = again.element_handle()
    held(page, again)
    gallery.go_to(gallery.runs[0].id)
    slow.tell()
    page.wait_for_function("(node) => !node.isConnected", arg=node)
    page.mouse.up()
    page.get_by_role("button", name="Newer run").click()
    slow.answer()
    expect(page.locator(".igw-title")).to_contain_text("Hero 1")
    assert acted == []


def test_an_image_of_the_history_that_is_drawn_anew_while_it_is_pressed_was_clicked(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    held(page, entry(page, 11))
    node = entry(page, 11).element_handle()
    gallery.star(gallery.runs[-1].output.assets[0])
    slow.tell()
    slow.hear()
    slow.tell()
    page.wait_for_function("(node) => !node.isConnected", arg=node)
    released(page, slow, "flip")
    expect(page.locator(".igw-title")).to_contain_text("Hero 10")


def test_an_image_is_led_to_whatever_comes_before_its_run(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    page.set_viewport_size({"width": 900, "height": 200})
    target = entry(page, 9, 3)
    target.focus()
    page.keyboard.press("Enter")
    begin(gallery)  # before the kernel hears of it
    slow.tell()
    expect(page.locator(".igw-where")).to_contain_text("of 13")
    slow.answer()
    expect(page.locator(".igw-title")).to_contain_text("Hero 8")
    expect(page.locator(".igw-card").nth(2)).to_be_in_viewport(ratio=0.5)


def test_two_images_that_are_compared_are_not_those_compared_before(page: Page, slow: SlowKernel) -> None:
    def compare(one: int, two: int) -> None:
        for index in (one, two):
            page.locator(".igw-card .igw-pick input").nth(index).check()
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("dialog")).to_be_visible()

    compare(0, 1)
    (first,) = (one["request"] for one in slow.hear() if one["type"] == "full" and one["id"].endswith(".0"))
    late = [one for one in slow.unsent if one[0]["content"].get("request") == first]
    slow.unsent.remove(*late)
    slow.answer()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Select none").click()
    compare(1, 2)
    slow.answer()
    pictures = page.locator(".igw-compare-stage img")
    expect(page.get_by_role("dialog").locator(".igw-top [role=status]")).to_have_text("")
    shown = [picture.get_attribute("src") for picture in pictures.all()]
    slow.unsent = late
    slow.tell()
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    assert [picture.get_attribute("src") for picture in pictures.all()] == shown


def test_that_the_kernel_is_slow_is_told_until_it_answers(page: Page, gallery: Gallery) -> None:
    page.clock.install()
    slow = SlowKernel(page, gallery)
    slow.answer()
    page.locator(".igw-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.clock.run_for(5000)
    page.keyboard.press("Escape")
    status = page.locator(".igw-status")
    expect(status).to_contain_text("Waiting for the kernel")
    slow.answer()
    expect(status).to_have_text("")


def test_a_star_stays_while_what_is_older_comes_and_goes_if_it_is_refused(
    page: Page, slow: SlowKernel, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    star = page.locator(".igw-card .igw-star").first
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    gallery.note(gallery.runs[-1].output.assets[0], "older")
    slow.tell()
    expect(page.locator(".igw-card").first).to_contain_text("older")
    expect(star).to_have_attribute("aria-pressed", "true")
    slow.answer()
    expect(star).to_have_attribute("aria-pressed", "true")
    assert len(gallery.starred) == 1
    monkeypatch.setattr(gallery, "_mark", lambda *_, **__: 1 / 0)
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")
    slow.answer()
    expect(page.locator(".igw-status")).to_contain_text("division")
    expect(star).to_have_attribute("aria-pressed", "true")


def test_a_star_given_and_taken_back_in_the_history_at_once_is_none(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    entry(page, 9).focus()
    page.keyboard.press("s")
    page.keyboard.press("s")
    heard = [message["on"] for message in slow.hear() if message["type"] == "star"]
    assert heard == [True, False]
    slow.answer()
    assert gallery.starred == ()


def test_a_history_scrolled_while_it_is_brought_up_to_date_shows_what_is_new_and_what_is_older(
    page: Page, workspace: Workspace
) -> None:
    gallery = Gallery([run_of(STEP.replace(image_count=10), workspace.store) for _ in range(12)])
    slow = SlowKernel(page, gallery)
    slow.answer()
    listed = page.get_by_role("listbox", name="History").get_by_role("option")
    before = listed.count()
    assert before < 120
    gallery.star(gallery.runs[-1].output.assets[0])
    slow.tell()  # and the history is asked for again
    page.wait_for_function("() => kernels[0].waiting('history')")
    listed.first.evaluate("({ parentElement: list }) => { list.scrollLeft = list.scrollWidth; }")
    page.evaluate(
        "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
    )
    slow.answer()
    expect(listed.first).to_contain_class("igw-starred")
    slow.answer()
    page.wait_for_function("(count) => document.querySelectorAll('.igw-entry').length > count", arg=before)


def test_a_list_of_models_that_may_be_open_is_left_alone(page: Page, workspace: Workspace) -> None:
    other = ImageGenerationStep(model="grok-imagine-image", prompt="a fox")
    gallery = Gallery([run_of(step, workspace.store) for step in (STEP, other)])
    slow = SlowKernel(page, gallery)
    slow.answer()
    options = page.get_by_label("Model").locator("option")
    expect(options).to_have_count(3)
    node = options.nth(1).element_handle()
    gallery.show(run_of(STEP, workspace.store))
    slow.answer()
    expect(page.locator(".igw-entry")).to_have_count(7)
    assert node.evaluate("(node) => node.isConnected")


def test_a_menu_goes_on_with_the_card_that_was_drawn_anew_and_closes_with_its_run(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    more = page.locator(".igw-card").first.get_by_role("button", name="More for")
    menu = page.get_by_role("menu")
    more.click()
    gallery.mark_output(gallery.runs[0].id)
    slow.answer()
    expect(menu).to_be_visible()
    expect(more).to_have_attribute("aria-expanded", "true")
    page.mouse.move(5, 5)
    page.mouse.wheel(0, 5)
    page.evaluate(
        "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
    )
    expect(menu).to_be_visible()
    menu.get_by_role("menuitem", name="Select").click()
    expect(more).to_be_focused()
    more.click()
    expect(menu).to_be_visible()
    gallery.go_to(gallery.runs[0].id)
    slow.answer()
    expect(menu).to_be_hidden()


def test_undo_brings_back_what_it_named(page: Page, slow: SlowKernel, gallery: Gallery) -> None:
    for run in (gallery.runs[-2], gallery.runs[-1]):
        gallery.go_to(run.id)
        with gallery._changing():
            gallery._remove([f"{run.id}.0"])
    slow.answer()
    page.get_by_role("button", name="Older run").click()
    page.get_by_role("button", name="Undo").dblclick()
    slow.answer()
    assert [list(gallery._removed[run.id]) for run in gallery.runs[-2:]] == [[0], []]


def test_what_is_downloaded_is_of_the_run_that_was_shown(
    page: Page, slow: SlowKernel, gallery: Gallery
) -> None:
    page.get_by_role("button", name="Older run").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 3 images").click()
        slow.answer()
    assert "hero-11" in download.value.suggested_filename
