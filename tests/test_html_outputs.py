"""All that shows itself as HTML: two amounts in dollars within a line are text, and no formula."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import html5lib
import pytest

import imagegen_nb as ig
from imagegen_nb import platform
from imagegen_nb.core.html_repr import Page, Tile
from imagegen_nb.platform.comparison import VerifyReport
from imagegen_nb.platform.push_report import Pushed, PushReport
from imagegen_nb.sweeps.batches import SubmittedBatches
from imagegen_nb.sweeps.progress import _Displayed
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.sweep_grid import SweepGrid
from imagegen_nb.workflows.workflow import Workflow

TYPESETTERS = {"tex2jax_ignore", "mathjax_ignore"}
"""What MathJax 2 leaves alone, as in pages that nbconvert writes, and MathJax 3, as in JupyterLab."""
AMOUNTS = "$0.06 to $0.12"
STEP = ig.ImageGenerationStep(
    prompt=f"A {{{{product}}}} for {AMOUNTS}", image_size="1024x640", image_output_format="jpeg"
)


@pytest.fixture
def shown(workspace, tmp_path):
    """One of each that shows itself."""
    run = STEP.run({"product": "lamp"}, workspace=workspace)
    sweep = ig.Sweep(STEP, over={"product": ["lamp", "vase"]}).run(workspace=workspace, progress=False)
    sweep.score(lambda image, run: 1.0, name="one", progress=False)
    workflow = Workflow({"product": "lamp"}, steps={"step_1": STEP})
    page = Page(AMOUNTS, [AMOUNTS], [Tile("a.png", AMOUNTS, "a.b", [AMOUNTS])], 1, [(AMOUNTS, AMOUNTS)])
    return [
        run,
        run.output,
        ig.load_step(ig.save_step(tmp_path / "hero.step.json", STEP, run=run)),
        workspace.history(),
        STEP.estimate({"product": "lamp"}),
        ig.diff(STEP, STEP.replace(image_count=2)),
        ig.check_references("{{step_1.output.assets.9.file_url}}", STEP),
        *(sweep, sweep.grid(), SweepGrid(sweep.grid(), sweep), sweep.pick(0), sweep.compare(0, 1)),
        *(sweep.ranking(), sweep.scores("one"), sweep.rate(rater="Ann")),
        SubmittedBatches((), (AMOUNTS,)),
        _Displayed(2, AMOUNTS),
        *(workflow, workflow.run(workspace=workspace), workflow.estimate()),
        *(platform.wiring(STEP), platform.sheet(STEP)),
        VerifyReport(AMOUNTS, "failed", "", (), (AMOUNTS,)),
        PushReport(Path("x"), AMOUNTS, "id", (Pushed(0, AMOUNTS, 1, "0" * 64, "found"),)),
        *(ig.StepForm(STEP, workspace), ig.Gallery([run]), StaticFallback(lambda: page)),
    ]


def html_of(one):
    """What a notebook keeps of it as HTML; of a widget also what stands below it."""
    if isinstance(one, BaseWidget | ig.StepForm):
        below = one._fallback.outputs() if hasattr(one, "_fallback") else []
        kept = [one._repr_mimebundle_()[0], *below]
        return "".join(data["text/html"] for data in kept if "text/html" in data)
    return one._repr_html_() if hasattr(one, "_repr_html_") else one._repr_mimebundle_()["text/html"]


def text_outside(element, found):
    """The texts that a typesetter would look at."""
    if TYPESETTERS.issubset(element.get("class", "").split()):
        return found
    found.append(element.text or "")
    for child in element:
        text_outside(child, found)
        found.append(child.tail or "")
    return found


def test_no_typesetter_looks_into_what_shows_itself(shown):
    for one in shown:
        body = html5lib.parse(html_of(one), namespaceHTMLElements=False).find("body")
        assert "".join(text_outside(body, [])).strip() == "", type(one)


def test_all_that_shows_itself_is_among_them(shown):
    ways = {"_repr_html_", "_repr_mimebundle_"}
    made = {base for one in shown for base in type(one).__mro__}
    for module in pkgutil.walk_packages(ig.__path__, "imagegen_nb."):
        if not module.name.endswith("__main__"):
            names = vars(importlib.import_module(module.name))
            own = [each for each in names.values() if getattr(each, "__module__", "") == module.name]
            kinds = [each for each in own if isinstance(each, type) and ways & set(vars(each))]
            assert [kind for kind in kinds if kind not in made] == []
