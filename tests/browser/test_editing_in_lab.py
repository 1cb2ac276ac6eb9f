"""Editing in the form, in a real JupyterLab: nothing typed is lost or changed in silence, the focus stays."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import FORM, drawn, expect_status
from support.lab import OpenNotebook, boxes, cell_count, dress, execute, run_all, screenshot, settled

LIVE = """
import os
os.environ.pop("OPENAI_API_KEY", None)
os.environ["XAI_API_KEY"] = "xai-not-a-key"
import imagegen_nb as ig
form = ig.StepForm(workspace=ig.Workspace("assets"))
form
"""
TYPE = """(area, text) => {
  area.value = text;
  area.dispatchEvent(new InputEvent("input", { bubbles: true }));
}"""
NOTE_GAPS = """(area) => {
  let last = Infinity;
  globalThis.typed = [];
  area.addEventListener("input", ({ timeStamp }) => {
    globalThis.typed.push(timeStamp - last);
    last = timeStamp;
  });
}"""
COUNT_MESSAGES = """() => {
  const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  globalThis.messages = { sent: 0, received: 0, bytes: 0 };
  const size = (msg) => JSON.stringify(msg.content).length;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (!msg.header.msg_type.startsWith("comm_")) return;
    if (direction === "send") globalThis.messages.sent += 1;
    else {
      globalThis.messages.received += 1;
      const buffers = msg.buffers ?? [];
      globalThis.messages.bytes += buffers.reduce((sum, each) => sum + each.byteLength, size(msg));
    }
  });
}"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook)


_CUT = """(form) => [...form.querySelectorAll('p, label, span, h3, legend, b')].filter((each) =>
  each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
  && getComputedStyle(each).display !== 'inline').map((each) => each.outerHTML.slice(0, 120))"""


def opened(open_notebook: OpenNotebook, cell: str = FORM, **how: object) -> Page:
    page = open_notebook([cell], **how)
    run_all(page)
    drawn(page)
    expect(page.locator(".ig-run")).to_be_visible()
    return page


def select(page: Page, key: str) -> Locator:
    return page.locator(f".ig-{key} select")


def prompt(page: Page) -> Locator:
    return page.locator(".ig-prompt textarea")


def focused_class(page: Page) -> str:
    """The class of what has the focus within the form, to which it comes back if it fell to the page."""
    page.wait_for_timeout(300)  # a focus that falls, falls after the next frame
    # The kernel hides a field at any moment, and the form takes the focus back only after a frame or two.
    held = page.wait_for_function(
        "() => document.activeElement.closest('.ig-form')"
        " && (document.activeElement.closest('[class]').className || 'x')"
    )
    return str(held.json_value())


def test_the_header_follows_a_draft_that_is_no_step(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, LIVE)
    expect(page.locator(".ig-key")).to_contain_text("OPENAI_API_KEY is not set")
    expect(page.locator(".ig-live-preview")).to_be_visible()
    page.locator(".ig-model select").select_option("grok-imagine-image")
    expect(page.locator(".ig-key")).to_contain_text("XAI_API_KEY")
    expect(page.locator(".ig-live-preview")).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("Ein Würfel")
    expect(page.locator(".ig-title")).to_have_text("Ein Würfel")
    expect(page.locator(".ig-run")).to_be_disabled()


def test_a_form_nobody_has_touched_shows_no_red_and_says_what_is_missing(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, LIVE)
    expect(page.locator(".ig-status")).to_have_text("To fill in: Prompt")
    expect(page.locator(".ig-form [aria-invalid=true]")).to_have_count(0)
    expect(page.locator(".ig-form .igw-problem:visible")).to_have_count(0)
    screenshot(page, "form-untouched", ".ig-form")
    page.locator(".ig-run").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ig-prompt .igw-problem")).to_contain_text(
        "Missing. Write what the image should show"
    )
    expect(prompt(page)).to_be_focused()
    page.keyboard.type("a fox")
    expect(page.locator(".ig-prompt .igw-problem")).to_be_hidden()


def test_an_alert_ends_when_what_it_speaks_of_is_mended(page: Page) -> None:
    execute(page, "form.workspace.storage_limit")
    page.locator(".ig-export").click()
    expect(page.locator(".ig-import-export-message")).to_contain_text("Saved")
    prompt(page).fill("")
    page.locator(".ig-export").click()
    alert = page.locator(".ig-import-export").get_by_role("alert")
    expect(alert).to_contain_text("The step has problems")
    prompt(page).fill("a fox")
    expect(alert).to_have_count(0)


def test_a_press_is_not_lost_when_what_is_above_the_button_grows(page: Page) -> None:
    """Leaving a field by pressing a button sends what was typed, and the answer can push the button away."""
    page.set_viewport_size({"width": 1280, "height": 2000})  # nothing has to be scrolled
    prompt(page).scroll_into_view_if_needed()
    page.locator(".ig-export").hover()
    prompt(page).press("Control+a")
    prompt(page).press("Delete")
    page.mouse.down()
    execute(page, "form")  # the kernel has answered when this has run
    page.mouse.up()
    expect(page.locator(".ig-prompt .igw-problem")).to_contain_text("Missing")
    expect(page.locator(".ig-import-export").get_by_role("alert")).to_contain_text("The step has problems")
    # Where the page can scroll, what is pressed does not even move.
    page.set_viewport_size({"width": 900, "height": 600})
    settled(page, ".ig-name input")
    more = page.locator(".ig-image-count .igw-step").last
    more.hover()
    page.mouse.down()
    before = more.bounding_box()
    prompt(page).evaluate(TYPE, "A {{colour}} lamp")
    expect(page.get_by_label("Value of {{colour}}")).to_be_attached()
    settled(page, ".ig-image-count .igw-step")
    after = more.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2
    page.mouse.up()
    expect(page.locator(".ig-image-count input")).to_have_value("3")


def test_a_cancel_on_the_emulator_does_not_speak_of_charges(page: Page) -> None:
    execute(page, "workspace.emulator.latency = 25")
    page.locator(".ig-run").click()
    page.locator(".ig-cancel").click()
    expect_status(page, "run cancelled: 0 of 2 images had arrived")
    expect(page.locator(".ig-status")).not_to_contain_text("charged")
    execute(page, "workspace.emulator.latency = 0")


def test_a_file_is_never_replaced_in_silence(page: Page) -> None:
    message = page.locator(".ig-import-export-message")
    expect(page.get_by_label("Export to")).to_have_attribute("placeholder", "hero-image.step.json")
    page.get_by_label("Export to").fill("mine")
    page.locator(".ig-export").click()
    expect(message).to_contain_text("Saved the settings to mine.step.json")
    expect(page.get_by_label("Export to")).to_have_value("mine.step.json")
    expect(message).to_contain_text("without an output: no run has these settings yet")
    prompt(page).fill("another")
    page.locator(".ig-export").click()
    expect(message).to_contain_text("mine.step.json is there already. Nothing was written.")
    page.get_by_role("button", name="Save as mine-2.step.json").click()
    expect(message).to_contain_text("Saved the settings to mine-2.step.json")
    expect(page.get_by_label("Export to")).to_have_value("mine-2.step.json")
    assert focused_class(page)
    names = "('mine.step.json', 'mine-2.step.json')"
    prompts = f"import json; print([json.load(open(name))['step']['prompt'] for name in {names}])"
    assert execute(page, prompts) == "['A hero image for {{product}}', 'another']"
    page.locator(".ig-export").click()
    page.get_by_role("button", name="Replace mine-2.step.json").click()
    expect(message).to_contain_text("in place of the older mine-2.step.json")


def test_an_offer_to_replace_a_file_ends_when_another_name_is_typed(page: Page) -> None:
    field, message = page.get_by_label("Export to"), page.locator(".ig-import-export-message")
    replace = page.get_by_role("button", name=re.compile("^Replace"))
    field.fill("one.step.json")
    page.locator(".ig-export").click()
    expect(message).to_contain_text("one.step.json")
    written = "import os; print(os.stat('one.step.json').st_mtime_ns, sorted(os.listdir()))"
    page.locator(".ig-export").click()
    expect(replace).to_be_visible()
    before = execute(page, written)
    screenshot(page, "export-replace", ".ig-import-export")
    field.press("End")
    field.press("Backspace")
    assert not replace.is_visible(), "the page itself takes the offer away, before the kernel can"
    expect(message).to_be_hidden()
    field.fill("two.step.json")
    expect(field).to_be_focused()
    page.locator(".ig-export").click()
    expect(message).to_contain_text("two.step.json")
    expect(message).not_to_contain_text("there already")
    assert execute(page, written).split()[0] == before.split()[0]


def test_an_import_can_be_undone_and_loses_nothing_typed(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "theirs.step.json"
    document = {
        "format": "imagegen-nb/step",
        "version": 2,
        "step": {"model": "gpt-image-2", "prompt": "a {{product}} from a file", "image_quality": "high"},
        "inputs": {"product": "lamp"},
    }
    file.write_text(json.dumps(document))
    page.get_by_label("Value of {{product}}").fill("a red bottle")
    prompt(page).fill("typed: {{product}}")
    page.locator(".ig-image-count input").fill("3")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import a file…").click()
    chooser.value.set_files(file)
    expect(prompt(page)).to_have_value("a {{product}} from a file")
    expect(page.locator(".ig-resolved")).to_have_text("a lamp from a file")
    expect(select(page, "image-quality")).to_have_value("high")
    page.get_by_role("button", name="Undo the import").click()
    expect(prompt(page)).to_have_value("typed: {{product}}")
    expect(page.locator(".ig-resolved")).to_have_text("typed: a red bottle")
    expect(page.locator(".ig-image-count input")).to_have_value("3")
    expect(select(page, "image-quality")).to_have_value("auto")
    page.get_by_role("button", name="Import it again").click()
    expect(prompt(page)).to_have_value("a {{product}} from a file")
    prompt(page).focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(prompt(page)).to_have_value("a {{product}} from a file")
    page.keyboard.press("Control+z")
    expect(prompt(page)).to_have_value("typed: {{product}}")


def test_undo_in_the_prompt_survives_every_redraw(page: Page) -> None:
    area = prompt(page)
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(", at dusk")  # at once: what is typed with pauses is undone in parts
    expect(page.locator(".ig-resolved")).to_contain_text("at dusk")
    for model in ("grok-imagine-image", "gemini-2.5-flash-image", "gpt-image-2"):
        select(page, "model").select_option(model)
    select(page, "image-output-format").select_option("jpeg")
    page.locator(".ig-image-count input").press("ArrowUp")
    expect(page.locator(".ig-image-count input")).to_have_value("3")
    execute(page, "form.step = step.replace(prompt='from code')")
    expect(area).to_have_value("from code")
    area.focus()
    page.keyboard.press("Control+z")
    expect(area).to_have_value("A hero image for {{product}}, at dusk")
    page.keyboard.press("Control+z")
    expect(area).to_have_value("A hero image for {{product}}")


def test_undo_in_the_prompt_survives_runs_variables_themes_and_other_forms(
    open_notebook: OpenNotebook,
) -> None:
    other = (
        "other = ig.StepForm(ig.ImageGenerationStep(prompt='a cup'), workspace, identifier='step_3')\nother"
    )
    page = open_notebook([FORM, other])
    run_all(page)
    first, second = page.locator(".ig-form").first, page.locator(".ig-form").last
    expect(second.locator(".ig-prompt textarea")).to_be_visible()
    area = first.locator(".ig-prompt textarea")
    area.evaluate("(area) => { area.dataset.kept = 'yes'; }")
    # The browser's undo takes back what was edited last, in whichever field: so the value comes first.
    first.get_by_label("Value of {{product}}").fill("a jar")
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(" in the rain")
    first.get_by_role("tab", name="Output").click()
    second.locator(".ig-run").click()
    expect(second.locator(".ig-status")).to_contain_text("done: 1 of 1 image")
    first.locator(".ig-run").click()
    expect(first.locator(".ig-status")).to_contain_text("done: 2 of 2 images")
    dress(page, dark=True)
    expect(first.locator(".igw-grid img")).to_have_count(2)
    settled(page, ".igw-run-actions")
    first.get_by_role("button", name="Use these settings").click()
    expect(area).to_be_focused()
    expect(area).to_have_value("A hero image for {{product}} in the rain")
    page.keyboard.press("Control+z")
    expect(area).to_have_value("A hero image for {{product}}")
    expect(first.locator(".ig-resolved")).to_have_text("A hero image for a jar")
    page.keyboard.press("Control+Shift+z")
    expect(first.locator(".ig-resolved")).to_have_text("A hero image for a jar in the rain")
    expect(area).to_have_attribute("data-kept", "yes")


def test_nothing_is_rebuilt_while_somebody_types(page: Page) -> None:
    """The elements of the settings stay the same ones, and the caret stays where it is."""
    controls = ".ig-settings :is(textarea, input, select):not(.igw-picker *)"
    expect(page.get_by_label("Value of {{product}}")).to_be_visible()
    settled(page, ".ig-form")
    count = page.locator(controls).evaluate_all(
        "(all) => { all.forEach((each) => { each.dataset.kept = 'yes'; }); return all.length; }"
    )
    assert count > 12
    area = prompt(page)
    area.evaluate("(area) => { area.focus(); area.setSelectionRange(2, 2); }")
    for text in ("blue ", "{{colour}} ", "and "):
        page.keyboard.type(text)
        expect(page.locator(".ig-title")).to_have_text("Hero image")
        page.wait_for_timeout(400)  # a pause, so that it is sent and answered
    expect(page.get_by_label("Value of {{colour}}")).to_be_visible()
    execute(page, "form.workspace")  # what came before is answered by now
    assert area.input_value() == "A blue {{colour}} and hero image for {{product}}"
    assert area.evaluate("(area) => area.selectionStart") == len("A blue {{colour}} and ")
    page.get_by_label("Value of {{colour}}").press_sequentially("light")
    expect(page.locator(".ig-resolved")).to_have_text("A blue light and hero image for a blue bottle")
    expect(page.locator(f"{controls}[data-kept=yes]")).to_have_count(count)


def test_half_of_a_variable_is_called_wrong_only_after_a_pause(page: Page) -> None:
    area, problem = prompt(page), page.locator(".ig-prompt .igw-problem")
    # Keys that are far enough apart for the text to be sent, and no pause.
    area.evaluate(
        "(area) => { globalThis.keys = setInterval(() => area.dispatchEvent(new Event('input')), 300); }"
    )
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" {{")
    expect(page.locator(".ig-run")).to_be_disabled()
    page.wait_for_timeout(300)
    expect(problem).to_be_hidden(timeout=1)
    page.evaluate("() => clearInterval(globalThis.keys)")
    expect(problem).to_contain_text("is not closed")
    page.keyboard.type("product}}")
    expect(problem).to_be_hidden()
    page.keyboard.type(" {{")
    area.blur()
    expect(problem).to_be_visible()


def test_the_focus_never_falls_to_the_page(page: Page) -> None:
    select(page, "image-output-format").focus()
    page.keyboard.press("ArrowUp")  # WebP -> JPEG
    expect(page.locator(".ig-image-background-message")).to_contain_text("JPEG has no transparency")
    expect(select(page, "image-output-format")).to_be_focused()
    page.locator(".ig-run").focus()
    page.keyboard.press("Enter")
    assert focused_class(page)
    expect_status(page)
    assert focused_class(page)
    page.get_by_role("tab", name="Settings").click()
    prompt(page).focus()
    page.keyboard.press("Control+Enter")
    assert focused_class(page)
    expect_status(page)
    assert focused_class(page)
    execute(page, "workspace.emulator.latency = 25")
    page.locator(".ig-run").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ig-cancel")).to_be_enabled()
    page.locator(".ig-cancel").focus()
    page.keyboard.press("Enter")
    expect_status(page, "run 3 cancelled")
    assert "ig-cancel" in focused_class(page)
    execute(page, "workspace.emulator.latency = 0")


def test_ctrl_enter_runs_what_stands_there_from_any_field(page: Page, subtests: pytest.Subtests) -> None:
    cells = cell_count(page)
    controls = {
        "name": page.get_by_label("Name", exact=True),
        "quality": select(page, "image-quality"),
        "tile": page.get_by_role("radio", name="1536 × 1024"),
        "prompt": prompt(page),
        "count": page.locator(".ig-image-count input"),
    }
    for number, (field, control) in enumerate(controls.items(), 1):
        with subtests.test(field):
            page.get_by_role("tab", name="Settings").click()
            if field == "prompt":
                control.fill("")
            control.focus()
            if field == "prompt":
                page.keyboard.type("typed a moment ago")
            if field == "count":
                page.keyboard.press("ArrowUp")
            page.keyboard.press("Control+Enter")
            done = "done: 3 of 3 images" if field == "count" else "done: 2 of 2 images"
            expect_status(page, f"run {number} {done}" if number > 1 else done)
            if field == "prompt":
                assert execute(page, "print(form.run_result.prompt)") == "typed a moment ago"
            assert cell_count(page) == cells


def test_in_a_narrow_form_the_tree_keeps_its_buttons_in_sight(page: Page) -> None:
    page.locator(".ig-form").evaluate("(form) => { form.style.width = '420px'; }")
    execute(page, "workspace.emulator.latency = 25")
    page.locator(".ig-run").click()
    tree = page.locator(".ig-output-tree")
    expect(tree.get_by_text("predicted").first).to_be_visible()
    tree.get_by_role("button", name="Unfold all").click()
    screenshot(page, "tree-in-420", ".ig-output-tree")
    copies = tree.get_by_role("button", name="Copy variable path").all()
    box, *buttons = boxes(tree, *copies)
    ends = [button["x"] + button["width"] for button in buttons]
    assert ends
    assert max(ends) <= box["x"] + box["width"]
    page.locator(".ig-cancel").click()
    expect_status(page, "run cancelled")
    execute(page, "workspace.emulator.latency = 0")


def test_values_nobody_asked_to_change_are_told_and_come_back(page: Page) -> None:
    select(page, "model").select_option("gpt-image-2.5-flare")
    select(page, "image-quality").select_option("max")
    select(page, "model").select_option("gpt-image-2")
    message = page.locator(".ig-image-quality-message")
    expect(message).to_contain_text("You chose Max, but gpt-image-2 does not have it: Auto is used")
    expect(select(page, "image-quality")).to_have_value("auto")
    select(page, "model").select_option("grok-imagine-image")
    expect(page.locator(".ig-model-message")).to_contain_text("Kept for models that have it")
    select(page, "model").select_option("gpt-image-2.5-flare")
    expect(select(page, "image-quality")).to_have_value("max")
    expect(message).not_to_contain_text("You chose")


def test_a_count_is_not_bent_into_its_range(page: Page, subtests: pytest.Subtests) -> None:
    count = page.locator(".ig-image-count input")
    wrong = {"2.7": "Not a whole number", "0": "Not in its range", "11": "Not in its range"}
    for typed, problem in wrong.items():
        with subtests.test(typed):
            count.fill(typed)
            expect(page.locator(".ig-image-count-message")).to_contain_text(
                f"{problem}. Use a whole number from 1 to 10"
            )
            expect(page.locator(".ig-run")).to_be_disabled()
            count.blur()
            expect(count).to_have_value(typed)
            count.fill("4")
            expect(page.locator(".ig-run")).to_be_enabled()
            assert execute(page, "print(form.step.image_count)") == "4"
            count.press("ArrowUp")
            expect(count).to_have_value("5")


def test_slow_typing_is_one_message_out_and_little_back(page: Page) -> None:
    page.evaluate(COUNT_MESSAGES)
    prompt(page).evaluate(NOTE_GAPS)
    prompt(page).focus()
    page.keyboard.press("Control+End")
    for text in (" at dusk", ", with a fox"):
        before = page.evaluate("() => ({ ...globalThis.messages })")
        page.keyboard.type(text)
        expect(page.locator(".ig-resolved")).to_contain_text(text.strip())
        page.wait_for_timeout(400)
        after = page.evaluate("() => ({ ...globalThis.messages })")
        # A busy machine types with pauses of its own, each of which may send what stands there.
        pauses = page.evaluate("() => globalThis.typed.splice(0).filter((gap) => gap >= 150).length")
        sent = after["sent"] - before["sent"]
        assert 1 <= sent <= 1 + pauses
        assert after["bytes"] - before["bytes"] <= 3_000 * sent


def test_it_holds_at_any_width(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, side_bar=False)
    page.get_by_label("Name", exact=True).fill("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 3)
    select(page, "model").select_option("gemini-2.5-flash-image")
    expect(page.locator(".ig-model-message")).to_contain_text("Use gemini-3.1-flash-lite-image")
    form = page.locator(".ig-form").first
    for width in (420, 700, 1000, 1600):
        page.set_viewport_size({"width": width, "height": 1500})
        for theme in ("light", "dark"):
            dress(page, dark=theme == "dark")
            screenshot(page, f"form-{width}-{theme}", ".ig-form")
            assert form.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1"), width
            assert form.evaluate(_CUT) == [], width
