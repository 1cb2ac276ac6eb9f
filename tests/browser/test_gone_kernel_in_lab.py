"""What stays of gallery and form in a real JupyterLab when their kernel is gone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, press_run
from support.gallery_page import asked, entries, open_gallery, pictures
from support.lab import OpenNotebook, axe, execute, run_all, screenshot

_KERNEL = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
ENDS = {
    "restarted": f"() => {_KERNEL}.restart()",
    "died": f"() => {{ {_KERNEL}.requestExecute({{ code: 'import os; os._exit(1)' }}); }}",
}
"""The ways a kernel ends while its page stays open."""
GONE = "The kernel is gone: run this cell again."


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return open_gallery(open_notebook)


# Not for a kernel that is shut down: the gallery tells of that too, but JupyterLab then fails by itself.
def test_a_kernel_that_has_died_is_told_of(page: Page):
    expect(entries(page).last.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    page.evaluate(ENDS["died"])
    expect(page.locator(".ig-gallery").get_by_role("alert")).to_have_text(GONE)
    expect(pictures(page)).to_have_count(4)
    expect(page.get_by_role("button", name="Download 4 images")).to_have_count(0)
    page.get_by_role("button", name="Ok", exact=True).click()  # the notebook says so too, above all else


def test_a_star_and_a_note_that_were_given_in_the_page_outlive_the_kernel(page: Page):
    run_id = execute(page, "print(four.id)")
    page.get_by_role("button", name="More for square-3.png").click()
    page.get_by_role("menuitem", name="Note…").click()
    page.get_by_role("textbox", name="Note").fill("more light")
    expect(page.get_by_role("dialog").get_by_text("Saved")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Star square-3.png").click()
    asked(page, "len(gallery.starred)", "1")
    page.evaluate(ENDS["restarted"])
    expect(page.locator(".ig-gallery").get_by_role("alert")).to_have_text(GONE)
    execute(page, "import imagegen_nb as ig; workspace = ig.Workspace('assets', backend='emulator')")
    execute(page, "past = workspace.history(starred=True)[0]; gallery = ig.Gallery(past.run)")
    assert execute(page, "print(past.id, past.note)") == f"{run_id} more light"
    asked(page, "[asset.file_name for asset in gallery.starred]", "['square-3.png']")


def test_without_its_kernel_the_gallery_says_so_and_keeps_its_pictures(page: Page):
    arrived = page.locator(".ig-gallery .igw-grid img[src^='blob:']")
    expect(arrived).to_have_count(4)
    page.evaluate(ENDS["restarted"])
    expect(page.get_by_role("alert")).to_have_text(GONE)
    expect(arrived).to_have_count(4)
    for picture in pictures(page).all():
        assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
    screenshot(page, "kernel-gone-gallery", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    for name in (
        "Download 4 images",
        "Newer run",
        "Older run",
        "Star square-1.png",
        "Download square-1.png",
    ):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("button", name="More for square-1.png").click()
    expect(page.locator(".ig-gallery").get_by_role("menuitem")).to_have_text(
        ["Copy variable path", "Copy file's path", "Compare…"]
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="at dusk (1 of 4)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status").first).to_have_text(GONE)
    expect(dialog.get_by_role("button", name="Download")).to_have_count(0)
    page.keyboard.press("Escape")
    run_all(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Download 4 images")).to_be_visible()


def test_without_its_kernel_the_form_says_so_and_no_button_does_nothing(open_notebook: OpenNotebook):
    page = open_notebook([FORM])
    run_all(page)
    press_run(page)
    expect_status(page)
    page.evaluate(ENDS["restarted"])
    expect(page.get_by_role("alert")).to_have_text(GONE)
    expect(page.locator(".ig-run")).to_be_disabled()
    screenshot(page, "kernel-gone-form")
    page.get_by_role("tab", name="Settings").click()
    for button in page.locator(".ig-form .ig-settings button").all():
        expect(button).to_be_disabled()
    expect(page.locator(".ig-prompt textarea")).to_have_attribute("readonly", "")
    screenshot(page, "kernel-gone-settings")
