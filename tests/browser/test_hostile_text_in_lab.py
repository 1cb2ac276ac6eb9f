"""Script in every place where words are shown, in a real page: it stays words, and none of it runs."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from support.form_page import saved, without_kernel
from support.lab import Opener, execute, run_all, run_cell, screenshot

HOSTILE = (
    '"><img src=x onerror="window.taken=1" data-taken><script>window.taken=1</script>'
    '<svg onload="window.taken=1" data-taken></svg><a href="javascript:window.taken=1" data-taken>me</a>'
)
WORDS = "<script>window.taken=1</script>"
SETUP = f"""
import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from IPython.display import HTML, display
hostile = {HOSTILE!r}
workspace = ig.Workspace("assets", backend="emulator")
step = ig.ImageGenerationStep(
    name=hostile[:100], prompt=hostile + " {{{{word}}}}", image_size="1024x1024", image_count=2,
    on_failure="continue")
run = step.run({{"word": hostile}}, workspace=workspace, identifier="step_2")
workspace.emulator.script("openai", Fault("bad_request", message=hostile))
failed = step.run({{"word": hostile}}, workspace=workspace)
display(run, run.output, failed, failed.output, ig.check_references("{{{{step_2.output." + hostile, step))
"""
FORM = """
form = ig.StepForm(step, workspace, inputs={"word": hostile, "step_2": run})
form
"""
GALLERY = "ig.Gallery([failed, run])"
CONTROL = "if 'as_markup' in globals():\n    display(HTML(hostile))"


def taken(page: Page) -> tuple[object, int]:
    """Whether a script of ours ran in the page, and how many elements came out of the words."""
    return page.evaluate("window.taken"), page.locator("[data-taken]").count()


def test_words_stay_words_wherever_they_are_shown(opener: Opener) -> None:
    page = opener.open_notebook([SETUP, FORM, GALLERY, CONTROL])
    run_all(page)
    form = page.locator(".ig-form")
    expect(form.get_by_label("Prompt", exact=True)).to_have_value(f"{HOSTILE} {{{{word}}}}")
    form.get_by_role("button", name="Insert Variable").click()
    expect(form.locator(".ig-prompt-box").get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    execute(page, "workspace.emulator.script('openai', Fault('bad_request', message=hostile))")
    form.locator(".ig-run").click()
    expect(form.get_by_role("alert")).to_contain_text(WORDS)
    form.locator(".ig-run").click()
    expect(form.locator(".ig-status")).to_contain_text("done: 2 of 2 images")
    screenshot(page, "hostile-words", ".ig-form")
    form.get_by_role("button", name="(1 of 2)").first.click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    expect(page.get_by_role("dialog")).to_contain_text(WORDS)
    page.keyboard.press("Escape")
    assert taken(page) == (None, 0)

    document, _ = saved(page, opener)
    again = opener.open_file(without_kernel(document, opener))
    expect(again.locator(".ig-fallback").first).to_be_visible()
    assert taken(again) == (None, 0)

    execute(page, "as_markup = True")
    run_cell(page, 3)
    page.wait_for_function("window.taken === 1")  # the words can do what they say
    assert taken(page) == (1, 3)
