"""Blind rating in a real JupyterLab: by keys alone, legible in both themes, resumed in another kernel."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.lab import Host, OpenNotebook, cell_count, dress, examine, execute, run_all, run_cell, screenshot

SWEEP = """
import imagegen_nb as ig
from uuid import uuid4
workspace = ig.Workspace(f"assets-{uuid4().hex}", backend="emulator")
step = ig.ImageGenerationStep(prompt="A {{product}} on warm sand", image_size="1024x640")
over = {"product": ["lamp", "vase", "chair", "table"], "image_size": ["1024x640", "640x1024"]}
sweep = ig.Sweep(step, over=over).run(workspace=workspace, progress=False)
widget = sweep.rate(rater="Ann")
widget
"""
RANKING = "sweep.ranking()"
SIDES = "pair = widget.rating.pair; print(pair.left.cell, pair.right.cell)"


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    page = open_notebook([SWEEP, RANKING], size=(1280, 1000))
    run_all(page)
    compared(page, 0)
    return page


def compared(page: Page, done: int) -> None:
    """Both pictures of the next pair are there."""
    expect(page.locator(".igw-rating-count")).to_have_text(f"{done} of 24")
    expect(page.get_by_role("group", name="Which image is better?")).to_have_attribute("aria-busy", "false")
    for side in ("Left", "Right"):
        picture = page.get_by_role("img", name=f"{side} image")
        expect(picture).to_be_visible()
        assert picture.evaluate("(img) => img.complete && img.naturalWidth") > 0


def sides(page: Page) -> tuple[int, ...]:
    """The cells on the left and on the right, which only Python knows."""
    return tuple(map(int, execute(page, SIDES).split()))


def is_legible(page: Page, selector: str) -> None:
    examined = examine(page, selector)
    assert examined.wrong == []
    assert not examined.contrasts or examined.contrasts[0] >= 4.5


def test_images_are_rated_by_keys_alone_and_ranked(page: Page) -> None:
    group = page.get_by_role("group", name="Which image is better?")
    group.focus()
    for done in range(1, 9):
        left, right = sides(page)
        page.keyboard.press("1" if left < right else "2")
        compared(page, done)
    expect(page.get_by_role("status").filter(has_text="Kept: ")).to_be_visible()
    expect(group).to_be_focused()
    before = sides(page)
    page.keyboard.press("=")
    compared(page, 9)
    page.keyboard.press("Backspace")
    compared(page, 8)
    assert sides(page) == before
    expect(page.get_by_text("Undone: compare these again.")).to_be_visible()
    page.keyboard.press("=")
    compared(page, 9)
    is_legible(page, ".ig-pair-rating")
    screenshot(page, "rating", ".ig-pair-rating")

    run_cell(page, 1)
    ranking = page.locator(".jp-RenderedHTMLCommon table.ig-ranking, .jp-RenderedHTMLCommon .ig-static table")
    expect(ranking.get_by_role("row")).to_have_count(9)
    expect(page.get_by_text("9 comparisons by Ann")).to_be_visible()
    first = execute(page, "print(sweep.ranking()[0].cell.number)")
    expect(ranking.get_by_role("row").nth(1)).to_contain_text(f"cell {first} ")
    assert execute(page, "print(sweep.pick(sweep.ranking()[0].cell).run.status)") == "done"
    ranking.scroll_into_view_if_needed()
    screenshot(page, "ranking")
    dress(page, dark=True)
    is_legible(page, ".ig-pair-rating")
    screenshot(page, "ranking-dark")
    screenshot(page, "rating-dark", ".ig-pair-rating")


def test_a_new_widget_goes_on_where_the_rater_stopped_and_buttons_do_as_keys(page: Page) -> None:
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Equally good").click()
    compared(page, 1)
    page.get_by_role("img", name="Right image").click()
    compared(page, 2)
    expect(page.get_by_text("Kept: right is better.")).to_be_visible()
    page.get_by_role("img", name="Left image").dispatch_event("click", {"detail": 2})  # of a double click
    undo.click()
    compared(page, 1)
    execute(page, "again = ig.Sweep(step, over=over).load(workspace=workspace)")
    assert execute(page, "print(again.rate(rater='Ann').view['done'])") == "1"


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_its_keys_are_none_of_the_notebooks(open_notebook: OpenNotebook, host: Host) -> None:
    page = open_notebook([SWEEP], host=host)
    run_all(page)
    compared(page, 0)
    page.locator(".jp-InputPrompt").first.click()  # the notebook is in command mode now
    page.get_by_role("group", name="Which image is better?").focus()
    page.keyboard.press("b")
    page.keyboard.press("1")  # in command mode this makes a heading of the cell
    compared(page, 1)
    assert cell_count(page) == 1
    assert page.evaluate("() => jupyterapp.shell.currentWidget.content.model.cells.get(0).type") == "code"


def test_nothing_on_the_page_tells_what_the_images_are(page: Page) -> None:
    text = page.locator(".igw-rating").evaluate("(el) => el.outerHTML")
    assert not [word for word in ("lamp", "vase", "gpt", "cell", "1024") if word in text]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1280, 600), (560, 800)])
def test_images_buttons_and_progress_are_in_sight_at_once(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.locator(".ig-pair-rating").scroll_into_view_if_needed()
    all_is_in_sight(page)
    screenshot(page, f"rating-{width}x{height}")


def test_there_is_room_for_the_code_above_and_in_little_width_for_all_words(
    open_notebook: OpenNotebook,
) -> None:
    code = "\n".join(
        ["# Which of them shall the shop have?", "", "widget = sweep.rate(", "    rater='Ann')", "widget"]
    )
    page = open_notebook([SWEEP.replace("\nwidget\n", "\n"), code], size=(1280, 720))
    run_all(page)
    compared(page, 0)
    cell = page.locator(".jp-Cell").nth(1)
    for wide in (True, False):
        if not wide:
            page.locator(".ig-pair-rating").evaluate("(el) => { el.style.width = '420px'; }")
        cell.evaluate("(el) => el.scrollIntoView({ block: 'center' })")
        expect(cell.locator(".jp-InputArea")).to_be_in_viewport(ratio=1)
        all_is_in_sight(page)
        screenshot(page, "rating-and-code" if wide else "rating-420")


def all_is_in_sight(page: Page) -> None:
    """The pair, what is pressed and how far it is, at once, and no word out of its button."""
    expect(page.locator(".igw-rating")).to_be_in_viewport(ratio=1)
    for name in ("Left is better", "Equally good", "Right is better", "Undo"):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)
        assert button.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    for side in ("Left", "Right"):
        expect(page.get_by_role("img", name=f"{side} image")).to_be_in_viewport(ratio=1)
    expect(page.locator(".igw-rating-count")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("progressbar", name="Comparisons made")).to_be_in_viewport(ratio=1)


def test_without_its_kernel_it_says_so_and_no_button_does_nothing(page: Page) -> None:
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    alert = page.locator(".ig-pair-rating").get_by_role("alert").filter(has_text="The kernel is gone")
    expect(alert).to_be_visible()
    for button in page.locator(".igw-rating").get_by_role("button").all():
        expect(button).to_have_attribute("aria-disabled", "true")
    page.get_by_role("group", name="Which image is better?").press("1")
    expect(page.locator(".igw-rating-count")).to_have_text("0 of 24")
    is_legible(page, ".ig-pair-rating")
    screenshot(page, "rating-gone", ".ig-pair-rating")


LONG = "A ceramic lamp with a linen shade on a bedside table of oak, " * 4
STANDINGS = f"""
words = ig.Sweep(step, over={{"prompt": [{LONG!r} + one for one in ("at dawn", "at night" + "x" * 90)]}},
                 inputs={{"product": "lamp"}}).run(workspace=workspace, progress=False)
rating = words.rate(rater="Ann").rating
rating.judge(rating.pair.id, "left")
def light(image, run):
    return {{"brightness": 0.123456, "why": {LONG!r}}}
from IPython.display import display
display(words.ranking(), words.score(light, progress=False), words.compare(0, 1))
"""
BROKEN = """(cells) => cells.flatMap((cell) => {
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const word of node.data.matchAll(/[^ \\n]{1,24}(?=[ \\n]|$)/g)) {
      if (word.index && !" \\n".includes(node.data[word.index - 1])) continue;
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set(Array.from(range.getClientRects(), (box) => Math.round(box.top)));
      if (lines.size > 1 && !word[0].includes("-")) broken.push(word[0]);
    }
  return broken;
})"""


@pytest.mark.parametrize("width", [1400, 1100])
def test_words_and_numbers_of_a_ranking_stay_whole_and_long_prompts_wrap(
    open_notebook: OpenNotebook, width: int
) -> None:
    page = open_notebook([SWEEP, STANDINGS], size=(width, 1000))
    run_all(page)
    tables = page.locator("table.ig-ranking")
    expect(tables).to_have_count(2)
    tables.first.scroll_into_view_if_needed()
    screenshot(page, f"ranking-{width}")
    assert page.locator("table.ig-ranking th, table.ig-ranking td").evaluate_all(BROKEN) == []
    for table in tables.all():
        cell = table.locator("td:nth-child(3)").first
        assert cell.evaluate("(cell) => cell.getClientRects()[0].height") > 40
        assert table.evaluate("(table) => table.clientWidth <= table.closest('.jp-OutputArea').clientWidth")
