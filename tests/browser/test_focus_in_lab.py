"""The focus in a real JupyterLab: it outlives what is drawn anew, and takes no page back to where it is."""

from __future__ import annotations

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
# What has the focus, and what draws it anew.
REDRAWN = {
    ".ig-tile-choice :checked": "tiles.options = sizes[:2]",
    ".igw-grid .igw-open": "gallery.star(four.output.assets[0])",
    ".igw-strip .igw-entry": "gallery.star(wide.output.assets[0])",
    ".ig-output-tree button[data-path]": "tree.label = 'The output'",
    ".igw-cells .igw-open": "ig.Gallery([sweep[0].run]).star(sweep[0].assets[0])",
}
# Has the focus out of sight: the page is somewhere else.
_LOOK_AWAY = """(node) => {
  const page = node.closest(".jp-WindowedPanel-outer");
  page.scrollTop = 0;
  node.focus({ preventScroll: true });
  const { top } = node.getBoundingClientRect();
  page.scrollTop = top > innerHeight ? 0 : page.scrollHeight;
  const away = node.getBoundingClientRect();
  return away.bottom < 0 || away.top > innerHeight ? page.scrollTop : -1;
}"""


_SCROLLED = "() => document.querySelector('.jp-Notebook .jp-WindowedPanel-outer').scrollTop"


def test_what_is_drawn_anew_out_of_sight_keeps_the_focus_and_moves_nothing(
    open_notebook: OpenNotebook, subtests: pytest.Subtests
) -> None:
    page = open_notebook([TILES, SETUP, RUNS, TREE, SWEEP], size=(1280, 500))
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    expect(page.locator(".igw-cells .igw-open img[src]")).to_have_count(2)
    for selector, change in REDRAWN.items():
        with subtests.test(selector):
            node = page.locator(selector).first
            drawn = node.element_handle()
            before = node.evaluate(_LOOK_AWAY)
            assert before >= 0
            execute(page, change)
            page.wait_for_function("(node) => !node.isConnected", arg=drawn)
            expect(node).to_be_focused()
            # Of the page: the history may be drawn anew once more, when it has found what is starred.
            assert node.page.evaluate(_SCROLLED) == before
