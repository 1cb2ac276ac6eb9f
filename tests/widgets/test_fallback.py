"""What a notebook with forms holds when no browser ever showed it, and what is left of it as HTML."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbconvert import HTMLExporter
from support.kernels import executed

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]

FORM = """
import concurrent.futures, imagegen_nb as ig
workspace = ig.Workspace("assets", backend={url!r})
form = ig.StepForm(ig.ImageGenerationStep(prompt="a {{{{colour}}}} fox", image_count=3), workspace,
                   inputs={{"colour": "<red>"}})
form
"""
RUN = """
form.panel.header.run.click()
concurrent.futures.wait([form._job.future])
"""


@pytest.fixture(scope="module")
def after_a_run(_running_emulator, tmp_path_factory) -> nbformat.NotebookNode:
    """A notebook whose form made three images, by code."""
    return executed([FORM.format(url=_running_emulator.url), RUN], tmp_path_factory.mktemp("saved"))


def test_a_form_that_nobody_looked_at_is_small(emulator, tmp_path):
    notebook = executed([FORM.format(url=emulator.url)], tmp_path)
    assert len(nbformat.writes(notebook).encode()) < 10_000
    widget, fallback = (output["data"] for output in notebook.cells[0].outputs)
    assert widget["text/plain"] == "Image Generation step (run this cell to use the form)"
    assert "The form opens as soon as the kernel is free" in fallback["text/html"]


def test_the_fallback_shows_the_run_made_since(after_a_run):
    (fallback,) = (output["data"] for output in after_a_run.cells[0].outputs if "text/html" in output["data"])
    assert fallback["text/html"].count("data:image/webp;base64,") == 3
    assert "3 of 3 images" in fallback["text/plain"]
    assert "<red>" not in fallback["text/html"]


@pytest.mark.parametrize("template", ["lab", "classic", "basic"])
def test_as_html_the_images_are_there(after_a_run, template):
    page, _ = HTMLExporter(template_name=template).from_notebook_node(after_a_run)
    (table,) = re.findall(r'<table class="ig-tiles".*?</table>', page, re.DOTALL)
    assert len(re.findall(r'<img [^>]*src="data:image/webp;base64,', table)) == 3
    assert "done · EMULATED" in page


def test_as_sanitized_html_the_facts_are_there(after_a_run):
    """nbconvert lets no picture and no style through then, but writes their source as text."""
    page, _ = HTMLExporter(sanitize_html=True).from_notebook_node(after_a_run)
    shown = page.partition('<div class="ig-fallback">')[2]
    assert [f"a-red-fox-{number}.png" in shown for number in (1, 2, 3)] == [True] * 3
    assert shown.count("&lt;img src=") == 3
    assert "<style" not in shown
