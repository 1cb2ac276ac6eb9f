"""Row 13: in the real JupyterLab, from Run All until a form can be run, or a gallery shows pictures."""

from __future__ import annotations

import statistics
import sys
from typing import Any

from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.environments import ROOT
from benchmarks.stores import gallery_of

FORM = """
import imagegen_nb as ig
form = ig.StepForm(ig.ImageGenerationStep(prompt="a fox"), ig.Workspace("assets", backend="emulator"))
form
"""
BUTTON = """
import ipywidgets
button = ipywidgets.Button(description="Run")
button.add_class("trivial")
button
"""
# What it takes to import is the form's figure.
IMPORTS = "import imagegen_nb; from imagegen_nb.store.local import LocalStore; imagegen_nb.Gallery()"
GALLERY = """
import imagegen_nb as ig
from imagegen_nb.store.local import LocalStore
workspace = ig.Workspace(LocalStore({folder!r}))
ig.Gallery(workspace.records(), store=workspace.store)
"""


def cases(scale: Scale) -> list[Case]:
    """One case. It takes a browser, so the short form leaves it to tests/browser/test_figures_in_lab.py."""
    if scale.short:
        return []
    return [
        Case(
            row=13,
            name="opening",
            contenders=(Contender(name="ours", role="ours", function="benchmarks.rows.opening:ours"),),
            figures=(
                Figure(what="Run All until a form can be run, wall", metric="form_ms", unit="ms"),
                Figure(what="Run All until one button is there, wall", metric="button_ms", unit="ms"),
                Figure(what="what the form takes longer", metric="beyond_ms", unit="ms", aims=(Aim(2000),)),
                Figure(
                    what="Run All until a gallery of 1,000 shows pictures, wall",
                    metric="gallery_ms",
                    unit="ms",
                    aims=(Aim(1000),),
                ),
            ),
            rounds=2,
        )
    ]


def ours(setting: Setting) -> Metrics:
    """The notebooks in turns, in one page of one server, each with a kernel of its own."""
    sys.path.insert(0, str(ROOT / "tests"))
    from playwright.sync_api import sync_playwright
    from support import system_parts
    from support.lab import ARGUMENTS, Lab, Opener

    lab = Lab(setting.folder / "lab")
    try:
        lab.start()
        with sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                setting.folder / "profile", executable_path=system_parts.chromium(), args=ARGUMENTS
            )
            opener = Opener(lab, context)
            turns = []
            for _ in range(1 + setting.repeats):
                turns.append((*in_turn(opener), first_screen(opener, gallery_of(1000, 1024, setting.shared))))
                opener.finish()
            context.close()
    finally:
        lab.stop()
    # The first turn is the browser's, which compiles the scripts.
    form, button, gallery = (statistics.median(each) for each in zip(*turns[1:], strict=True))
    return {"form_ms": form, "button_ms": button, "beyond_ms": form - button, "gallery_ms": gallery}


def in_turn(opener: Any) -> tuple[float, float]:
    """Milliseconds from Run All until a form can be run, and until a button is there in another notebook.

    Each is opened in the page that the `opener` keeps.
    """
    from support.lab import run_all_until

    took = []
    for cell, selector in ((BUTTON, "button.trivial"), (FORM, ".ig-run")):
        page = opener.open_notebook([cell], kernel="python3")
        took.append(run_all_until(page, selector))
        opener.close(page)
    button, form = took
    return form, button


def first_screen(opener: Any, store: Any) -> float:
    """Milliseconds from Run All until a gallery of all of a store's records shows pictures."""
    from support.lab import run_all_until, run_cell

    page = opener.open_notebook([IMPORTS, GALLERY.format(folder=str(store.folder))], kernel="python3")
    run_cell(page, 0)
    took: float = run_all_until(page, ".ig-gallery .igw-grid img[src]")
    opener.close(page)
    return took
