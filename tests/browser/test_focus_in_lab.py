"""The focus in a real JupyterLab: it outlives what is drawn anew, and takes no page back to where it is."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from playwright.sync_api import expect
from support.gallery_page import RUNS, SETUP, pictures
from support.lab import OpenNotebook, execute, run_all

TILES = """
from imagegen_nb.widgets.tiles import TileChoice
sizes = [{"value": f"{side}x{side}", "label": f"{side}"} for side in (512, 1024, 2048)]
tiles = TileChoice(legend="Image Size", value="512x512", options=sizes)
tiles
"""
TREE = """
from imagegen_nb.widgets.output_tree import OutputTree
tree = OutputTree(pair)
tree
"""
SWEEP = """
step = ig.ImageGenerationStep(prompt="A {{product}} on sand", image_size="1024x640")
sweep = ig.Sweep(step, over={"product": ["lamp", "vase"]})
sweep.run(workspace=workspace, progress=False)
"""


class _Redrawn(NamedTuple):
    """A change that draws something anew, and what there is of it then: a selector, and how many match."""

    change: str
    shown: str
    count: int


# By what has the focus.
REDRAWN = {
    ".ig-tile-choice :checked": _Redrawn("tiles.options = sizes[:2]", ".ig-tile-choice [type=radio]", 2),
    ".igw-grid .igw-open": _Redrawn(
        "gallery.star(four.output.assets[0])", ".igw-grid .igw-star[aria-pressed=true]", 1
    ),
    ".igw-strip .igw-entry": _Redrawn(
        "gallery.star(wide.output.assets[0])", ".igw-strip .igw-entry.igw-starred", 2
    ),
    ".ig-output-tree button[data-path]": _Redrawn(
        "tree.label = 'All of it'", ".ig-output-tree :text('All of it')", 1
    ),
    ".igw-cells .igw-open": _Redrawn(
        "ig.Gallery([sweep[0].run]).star(sweep[0].assets[0])", ".igw-cells .igw-star[aria-pressed=true]", 1
    ),
}
# Has the focus out of sight: the page is somewhere else. At one moment, as something may still be drawn anew.
_LOOK_AWAY = """(selector) => {
  const node = document.querySelector(selector);
  const page = node.closest(".jp-WindowedPanel-outer");
  page.scrollTop = 0;
  node.focus({ preventScroll: true });
  const { top } = node.getBoundingClientRect();
  page.scrollTop = top > innerHeight ? 0 : page.scrollHeight;
  const away = node.getBoundingClientRect();
  return { node, place: page.scrollTop, isAway: away.bottom < 0 || away.top > innerHeight };
}"""
_SCROLLED = "() => document.querySelector('.jp-Notebook .jp-WindowedPanel-outer').scrollTop"


def test_what_is_drawn_anew_out_of_sight_keeps_the_focus_and_moves_nothing(
    open_notebook: OpenNotebook, subtests: pytest.Subtests
) -> None:
    page = open_notebook([TILES, SETUP, RUNS, TREE, SWEEP], size=(1280, 500))
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    expect(page.locator(".igw-cells .igw-open img[src]")).to_have_count(2)
    for selector, (change, shown, count) in REDRAWN.items():
        with subtests.test(selector):
            expect(page.locator(shown)).not_to_have_count(count)
            left = page.evaluate_handle(_LOOK_AWAY, selector)
            assert left.evaluate("({ isAway }) => isAway")
            execute(page, change)
            expect(page.locator(shown)).to_have_count(count)
            assert not left.evaluate("({ node }) => node.isConnected")
            expect(page.locator(selector).first).to_be_focused()
            assert page.evaluate(_SCROLLED) == left.evaluate("({ place }) => place")
