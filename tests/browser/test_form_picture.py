"""The picture of the form in README and on the site's front page, in both themes, shows the form as it is.

`./dev pictures` takes it anew. A picture carries the words of the form, so that one that is out of date is
found without comparing pixels, which differ between machines.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page
from support.form_page import expect_status, opened, press_run
from support.lab import OpenNotebook, boxes, dress, settled
from support.project import ROOT

CELL = """
import imagegen_nb as ig

ws = ig.Workspace("assets", backend="emulator")
step = ig.ImageGenerationStep(
    name="Hero image", prompt="A hero image for {{product}}", image_size="1536x1024", image_count=2)
form = ig.StepForm(step, ws, inputs={"product": "a blue water bottle"}, identifier="step_2")
form
"""
MOST_BYTES = 150_000
_LAST_ROW = ".ig-image-count"
"""The last of the fields that are shown: below it the picture is cut."""
_MARGIN = 16
_WORDS = "words"
_PICTURES_ARE_THERE = """() => [...document.querySelectorAll(".ig-form img")].every(
  (picture) => !picture.checkVisibility() || picture.naturalWidth)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_shows_the_form_as_it_is(open_notebook: OpenNotebook, theme: str) -> None:
    page = opened(open_notebook, CELL, dark=theme == "dark", size=(1000, 2000))
    dress(page, dark=theme == "dark")
    press_run(page)
    expect_status(page)
    page.get_by_role("tab", name="Settings").click()
    left, words = _half(page), _words(page)
    bottom = _bottom(page)
    page.get_by_role("tab", name="Output").click()
    right, words = _half(page), f"{words}\n{_words(page)}"
    file = ROOT / "docs" / f"form-{theme}.png"
    if os.environ.get("IMAGEGEN_NB_PICTURES") == "write":
        _write(file, left, right, bottom, words)
    with Image.open(file) as picture:
        assert _phrases(picture.info[_WORDS]) == _phrases(words), "run ./dev pictures"
    assert file.stat().st_size <= MOST_BYTES


def _half(page: Page) -> Image.Image:
    """The top of the form as it stands, in its cell's own colours."""
    page.mouse.move(0, 0)
    settled(page, ".ig-form")
    page.evaluate("() => document.fonts.ready")
    page.wait_for_function(_PICTURES_ARE_THERE)
    picture = page.locator(".ig-form").first.screenshot(animations="disabled", caret="hide")
    return Image.open(io.BytesIO(picture)).convert("RGB")


def _words(page: Page) -> str:
    """What the form says, without what differs from run to run."""
    text = page.locator(".ig-form").first.inner_text()
    return re.sub(r"\d[\d.:,-]*", "0", text)


def _phrases(words: str) -> list[str]:
    """The lines that say something. References are cut to the room there is, which fonts decide."""
    lines = (line.strip() for line in words.splitlines())
    return [line for line in lines if re.search(r"[A-Za-z]{3}", line) and not re.search(r"[{}…]|^\.", line)]


def _bottom(page: Page) -> int:
    """How far below the form's top the last row that is shown ends."""
    form, row = boxes(page.locator(".ig-form").first, page.locator(_LAST_ROW))
    return round(row["y"] + row["height"] - form["y"])


def _write(file: Path, left: Image.Image, right: Image.Image, bottom: int, words: str) -> None:
    """The settings on the left, the output on the right, with the words they show."""
    size = (left.width + right.width + 3 * _MARGIN, bottom + 2 * _MARGIN)
    both = Image.new("RGB", size, left.getpixel((0, 0)))
    both.paste(left.crop((0, 0, left.width, bottom + _MARGIN)), (_MARGIN, _MARGIN))
    both.paste(right.crop((0, 0, right.width, bottom + _MARGIN)), (left.width + 2 * _MARGIN, _MARGIN))
    told = PngImagePlugin.PngInfo()
    told.add_itxt(_WORDS, words)
    both.quantize(256, dither=Image.Dither.NONE).save(file, pnginfo=told, optimize=True)
