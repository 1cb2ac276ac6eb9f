"""What a notebook with forms holds when no browser ever showed it, and what is left of it as HTML."""

from __future__ import annotations

import base64
import io
import re

import nbformat
import pytest
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter, RSTExporter
from PIL import Image
from support.kernels import executed

from imagegen_nb.core.html_repr import html_output

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.usefixtures("quick_starts"),
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


SWEEP = """
import imagegen_nb as ig
workspace = ig.Workspace("assets", backend={url!r})
step = ig.ImageGenerationStep(prompt="a {{{{colour}}}} fox", image_output_format="jpeg")
sweep = ig.Sweep(step, over={{"colour": ["<red>", "blue"]}}).run(workspace=workspace, progress=False)
sweep
"""


@pytest.fixture(scope="module")
def after_a_run(_running_emulator, tmp_path_factory) -> nbformat.NotebookNode:
    """A notebook whose form made three images, by code."""
    return executed([FORM.format(url=_running_emulator.url), RUN], tmp_path_factory.mktemp("saved"))


def data_of(outputs: list) -> list[dict]:
    return [output["data"] for output in outputs]


def test_a_form_that_nobody_looked_at_is_small_and_shows_its_settings(emulator, tmp_path):
    notebook = executed([FORM.format(url=emulator.url)], tmp_path)
    assert len(nbformat.writes(notebook).encode()) < 10_500
    widget, plain, pictures, style = data_of(notebook.cells[0].outputs)
    assert widget["text/plain"] == "Image Generation step (run this cell to use the form)"
    assert widget["text/html"] == html_output("Image Generation step (run this cell to use the form)")
    for shown in (plain["text/html"], plain["text/plain"]):
        assert "The form opens as soon as the kernel is free" in shown
        assert "a {{colour}} fox" in shown
    assert not any(kind.startswith("image/") for kind in pictures)
    assert "ig-live" in style["application/javascript"]


def test_a_saved_grid_is_its_static_table_whatever_shows_it(emulator, tmp_path):
    notebook = executed([SWEEP.format(url=emulator.url), "sweep.grid(columns='colour')"], tmp_path)
    for cell in notebook.cells:
        widget, table, style = data_of(cell.outputs)
        assert widget["text/plain"] == "Grid of 2 cells (run this cell to see it live)"
        assert table["text/html"].startswith('<div class="ig-fallback ')
        assert table["text/html"].count("<img") == 4  # each small one, and the larger one that it opens
        assert table["text/plain"].startswith("Sweep · 2 cells: colour (2)")
        assert "ig-live" in style["application/javascript"]
    assert len(nbformat.writes(notebook).encode()) < 100_000
    html = HTMLExporter().from_notebook_node(notebook)[0]
    assert html.count("data:image/webp") == 8
    assert "<red>" not in html


def test_the_fallback_shows_the_run_made_since(after_a_run):
    _, plain, pictures, _ = data_of(after_a_run.cells[0].outputs)
    assert plain["text/html"].count("<li>") == 4  # the prompt, and three images
    assert "3 of 3 images" in plain["text/plain"]
    assert "<red>" not in plain["text/html"]
    assert sheet_width(pictures["image/jpeg"]) > 3 * 240
    assert pictures["text/plain"].startswith("1. a <red> fox")


def sheet_width(data: str) -> int:
    return Image.open(io.BytesIO(base64.b64decode(data))).width


@pytest.mark.parametrize("sanitized", [False, True], ids=["", "sanitized"])
@pytest.mark.parametrize("template", ["lab", "classic", "basic"])
def test_as_html_the_images_are_there_and_nothing_is_written_out(after_a_run, template, sanitized):
    exporter = HTMLExporter(template_name=template, sanitize_html=sanitized)
    page, _ = exporter.from_notebook_node(after_a_run)
    shown = page.partition('<div class="ig-fallback ')[2]
    assert ('createElement("style")' in shown) != sanitized
    shown = re.sub("<script.*?</script>", "", shown, flags=re.DOTALL)
    (sheet,) = re.findall(r'<img [^>]*src="data:image/jpeg;base64,([^"]*)"', shown)
    assert sheet_width(sheet) > 3 * 240
    assert "done · EMULATED" in shown
    assert [f"a-red-fox-{number}.png" in shown for number in (1, 2, 3)] == [True] * 3
    assert "&lt;style" not in shown
    assert "&lt;img" not in shown
    assert shown.count("base64") == 1


@pytest.mark.parametrize("exporter", [MarkdownExporter, LatexExporter, RSTExporter])
def test_in_other_formats_the_images_are_files(after_a_run, exporter):
    _, resources = exporter().from_notebook_node(after_a_run)
    assert sum(name.endswith((".jpg", ".jpeg")) for name in resources["outputs"]) == 1


RATING = """
widget = sweep.rate(rater="Ann")
widget
"""
VERDICT = """
widget._handle_custom_msg(
    {"type": "judge", "pair": widget.view["pair"], "verdict": "left", "request": "r-1"}, []
)
"""


@pytest.mark.parametrize(
    "verdict", [VERDICT, "widget.rating.judge(widget.rating.pair.id, 'left')"], ids=["page", "code"]
)
def test_a_saved_rating_says_how_far_it_came(emulator, tmp_path, verdict):
    code = [SWEEP.format(url=emulator.url), RATING, verdict]
    notebook = executed(code, tmp_path)
    widget, state, _, style = data_of(notebook.cells[1].outputs)
    # Before the first verdict: a number in it would stay as it was.
    assert widget["text/plain"] == "Blind rating (run this cell to go on)"
    assert "Blind rating (run this cell to go on)" in widget["text/html"]
    assert state["text/plain"] == "Blind rating, 1 comparison\n  sweep.ranking() shows the result"
    assert "Blind rating, 1 comparison<" in state["text/html"]
    assert "ig-live" in style["application/javascript"]
    (again := tmp_path / "again").mkdir()
    taken_back = executed([*code, "widget.rating.undo()"], again)
    assert data_of(taken_back.cells[1].outputs)[1]["text/plain"] == "Blind rating, 0 comparisons of 1"
