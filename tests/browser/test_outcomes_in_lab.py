"""What became of a run, in a real JupyterLab: its pictures as they come, what it cost, why it failed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from support.form_page import FORM, expect_status, opened, press_run, show_older_run
from support.lab import OpenNotebook, axe, execute, run_all, screenshot

# What an image is called whenever it is drawn, however short it is there.
_WATCH = """() => {
  globalThis.drawn = new Set();
  new MutationObserver(() => {
    for (const image of document.querySelectorAll(".igw-pending img")) globalThis.drawn.add(image.alt);
  }).observe(document.querySelector(".ig-form"), { subtree: true, childList: true });
}"""
LIVE = """
import os
os.environ.pop("OPENAI_API_KEY", None)
os.environ["XAI_API_KEY"] = "xai-not-a-key"
import imagegen_nb as ig
form = ig.StepForm(ig.ImageGenerationStep(prompt="a fox"), ig.Workspace("assets"))
form
"""
FULL = FORM.replace('backend="emulator")', 'backend="emulator", storage_limit=60_000)').replace(
    'step_1 = ig.ImageGenerationStep(prompt="a logo").run(workspace=workspace)', "step_1 = None"
)
UNKNOWN_CHARGE = """
import dataclasses
from imagegen_nb.errors import ProviderTimeout
error = ProviderTimeout("no answer within 300 s", provider="openai", charge="unknown")
gone = dataclasses.replace(step_1, status="failed", error=error, backend="live")
ig.Gallery(gone)
"""


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return opened(open_notebook, size=(1280, 1500))


def heading(page: Page) -> Locator:
    return page.locator(".igw-head")


def test_run_shows_the_output_at_once_and_previews_as_they_come(page: Page) -> None:
    page.locator(".ig-image-count input").fill("1")
    page.locator(".ig-live-preview").get_by_role("checkbox").check()
    execute(page, "workspace.emulator.latency = 2")
    page.evaluate(_WATCH)
    press_run(page)
    expect(page.get_by_role("tab", name="Output")).to_have_attribute("aria-selected", "true")
    waiting = page.locator(".igw-pending .igw-open")
    expect(waiting).to_have_count(1)
    box = waiting.bounding_box()
    assert abs(box["width"] / box["height"] - 1.5) < 0.02
    # One request brings everything at once: nobody knows how far it is.
    bar = page.locator(".ig-form").get_by_role("progressbar")
    expect(bar).to_have_count(1)
    expect(bar).not_to_have_attribute("value", re.compile("."))
    expect(page.locator(".ig-elapsed")).to_have_text(re.compile(r"\d+ s"))
    expect_status(page, "done: 1 of 1 image")
    assert "Image 1, unfinished" in page.evaluate("() => [...globalThis.drawn]")
    expect(page.locator(".ig-gallery .igw-grid img")).to_have_count(1)


def test_the_cost_is_told_before_by_the_count_and_after_on_run_and_images(page: Page) -> None:
    cost = page.locator(".ig-cost")
    expect(cost).to_contain_text(
        re.compile(r"at most \$[0-9.]+ \(Image Quality is auto, so the model chooses\), and 2 task credits")
    )
    page.locator(".ig-image-quality select").select_option("high")
    expect(cost).to_contain_text(
        re.compile(r"If it were real, a run would cost about \$[0-9.–$]+, and 2 task")
    )
    two = cost.inner_text()
    page.locator(".ig-image-count input").fill("4")
    expect(cost).to_contain_text("and 4 task credits")
    assert cost.inner_text().replace("4 task", "2 task") != two
    press_run(page)
    expect_status(page, "done: 4 of 4 images")
    expect(heading(page)).to_contain_text(re.compile(r"\$\d+\.\d+ if it were real"))
    of_four = re.search(r"\$(\d+\.\d+)", heading(page).inner_text())[1]
    details = page.locator(".igw-card").first
    expect(details).to_contain_text(re.compile(r"\$\d+\.\d+"))
    of_one = re.search(r"\$(\d+\.\d+)", details.inner_text())[1]
    assert float(of_one) < float(of_four)
    page.get_by_role("tab", name="Settings").click()
    page.locator(".ig-image-count input").fill("1")
    press_run(page)
    expect_status(page, "run 2 done: 1 of 1 image")
    expect(heading(page)).not_to_contain_text(of_four)
    show_older_run(page)
    expect(heading(page)).to_contain_text(of_four)
    screenshot(page, "outcome-cost")


FAULTS = [
    ("'auth'", "OpenAI refused the key.", "Check OPENAI_API_KEY"),
    ("'quota'", "The account at OpenAI has no credit or quota left.", "add credit there"),
    ("'moderation'", "was rejected by the safety system of OpenAI", "Change the prompt"),
    ("'drop'", "OpenAI could not be reached, or failed", "Try again in a while"),
    # The last, as later runs would wait for that day.
    (
        "'rate_limit', retry_after='86400'",
        "OpenAI received too many requests in a short time.",
        "then try again",
    ),
]


def test_an_error_is_told_once_with_what_to_do_and_its_details_folded(
    page: Page, subtests: pytest.Subtests
) -> None:
    alert = page.locator(".ig-form").get_by_role("alert")
    details = alert.locator("li")
    for number, (fault, what, remedy) in enumerate(FAULTS, 1):
        with subtests.test(fault):
            execute(page, f"workspace.emulator.script('openai', Fault({fault}))")
            press_run(page)
            failed = "failed: 0 of 2 images"
            expect_status(page, f"run {number} {failed}" if number > 1 else failed)
            expect(alert).to_have_count(1)
            expect(alert).to_contain_text(what)
            expect(alert).to_contain_text(remedy)
            expect(page.get_by_text(what)).to_have_count(1)
            expect(details.first).to_be_hidden()
            alert.get_by_text("Details", exact=True).click()
            expect(details.filter(has_text="kind: ")).to_be_visible()
            if "drop" not in fault:
                expect(details.filter(has_text="request id: ")).to_be_visible()


def test_a_full_store_says_so_and_what_to_do(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, FULL, size=(1280, 1500))
    press_run(page)
    expect_status(page)
    press_run(page)
    alert = page.locator(".ig-form").get_by_role("alert")
    expect(alert).to_contain_text("The store is full.")
    screenshot(page, "outcome-full")


def test_a_timeout_says_that_its_charge_is_unknown(open_notebook: OpenNotebook) -> None:
    page = open_notebook([FORM, UNKNOWN_CHARGE])
    run_all(page)
    alert = page.locator(".ig-gallery").last.get_by_role("alert")
    expect(alert).to_contain_text("OpenAI did not answer in time. Try again. ")
    expect(alert).to_contain_text("Whether it is charged is unknown: your account at the provider shows it.")


def test_a_missing_key_is_told_once_and_no_longer_once_there_is_one(open_notebook: OpenNotebook) -> None:
    page = opened(open_notebook, LIVE, size=(1280, 1500))
    press_run(page)
    alert = page.locator(".ig-form").get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("There is no key: OPENAI_API_KEY is not set.")
    screenshot(page, "outcome-no-key", ".ig-form")
    assert axe(page, ".ig-alert") == []
    page.locator(".ig-model select").select_option("grok-imagine-image")
    expect(alert).to_have_count(0)


def test_what_is_missing_is_made_and_joined_by_its_own_run(page: Page) -> None:
    execute(page, "workspace.emulator.script('openai', Fault('fewer', images=1))")
    press_run(page)
    expect_status(page, "partial: 1 of 2 images")
    alert = page.locator(".ig-form").get_by_role("alert")
    expect(alert).to_contain_text("1 image is missing.")
    screenshot(page, "outcome-missing")
    page.get_by_role("button", name="Make the missing 1").click()
    expect(page.get_by_text("Run 2 of 2")).to_be_visible()
    expect_status(page, "run 2 done: 1 of 1 image")
    expect(alert).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Make the missing"))).to_have_count(0)
    page.get_by_role("button", name="Run again (same settings)").click()
    expect(page.get_by_text("Run 3 of 3")).to_be_visible()
    expect_status(page, "run 3 done: 1 of 1 image")
    assert (
        execute(page, "print(form.step.image_count, form.runs[1].prompt == form.runs[2].prompt)") == "2 True"
    )


def test_a_runs_notes_stand_on_that_run_only(page: Page) -> None:
    page.locator(".ig-model select").select_option("gemini-2.5-flash-image")
    page.locator(".ig-image-count input").fill("1")
    press_run(page)
    expect_status(page, "done: 1 of 1 image")
    notes = page.locator(".igw-notes li")
    expect(notes).not_to_have_count(0)
    page.get_by_role("tab", name="Settings").click()
    page.locator(".ig-model select").select_option("gpt-image-2")
    press_run(page)
    expect_status(page, "run 2 done: 1 of 1 image")
    expect(notes).to_have_count(0)
    show_older_run(page)
    expect(notes).not_to_have_count(0)


def test_the_history_is_filtered_by_model(page: Page) -> None:
    press_run(page)
    expect_status(page)
    page.get_by_role("tab", name="Settings").click()
    page.locator(".ig-model select").select_option("grok-imagine-image")
    press_run(page)
    expect_status(page, "run 2 done: 2 of 2 images")
    options = page.get_by_role("listbox", name="History").get_by_role("option")
    expect(options).to_have_count(4)
    page.get_by_label("Model", exact=True).last.select_option("grok-imagine-image")
    expect(options).to_have_count(2)
    expect(page.get_by_text("2 images in 1 run")).to_be_visible()
