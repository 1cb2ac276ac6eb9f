"""A sweep's grid, live: its pictures open at their largest, and what is decided is decided in it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

import traitlets
from IPython import get_ipython
from IPython.display import display

from imagegen_nb.core import images
from imagegen_nb.core.html_repr import html_output
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs import marks
from imagegen_nb.step.output import Asset
from imagegen_nb.sweeps import picks
from imagegen_nb.sweeps.axes import INPUTS, label
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.grid import Edge, Grid, facts_of
from imagegen_nb.sweeps.rerun import Rerun, can_run_again, estimate_of
from imagegen_nb.sweeps.sweep import Sweep
from imagegen_nb.widgets.fallback import StaticOutputs
from imagegen_nb.widgets.full_size import full_size
from imagegen_nb.widgets.gallery_page import GalleryPage
from imagegen_nb.widgets.requests import AnsweringWidget
from imagegen_nb.widgets.thumbnail_delivery import ThumbnailDelivery, make_static

_IMAGE_ID = re.compile(r"(\d{1,9}):(.*)\.(\d{1,9})", re.DOTALL)
_MOST_ASKED = 48
_LONGEST_VALUE = 2_000
_PAUSE = 0.1
"""Seconds from a change that was made elsewhere until it is shown: a loop that stars many images is one."""
_MOST_LARGER = 24
"""Pictures of which a static view may have larger ones; a page asks for the same first."""


class SweepGrid(AnsweringWidget):
    """The widget of a `Grid`. A picture opens in the viewer that the gallery has, where arrows lead to the
    other cells; there and in the grid it gets a star, a note, and its cell is picked. Cells that failed and
    surely cost nothing are run again by a button, beside what that may cost.

    Stars, notes and picks are in the store at once. What is shown (`view`) holds only texts; it is written
    here and never read back. Pictures are sent as the page asks for them.
    """

    scripts = (
        "shared.js",
        "clipboard.js",
        "kernel_gone.js",
        "requests.js",
        "picture_source.js",
        "gallery_parts.js",
        "image_card.js",
        "card_keys.js",
        "zoom.js",
        "key_help.js",
        "image_details.js",
        "lightbox.js",
        "gallery_actions.js",
        "sweep_cells.js",
        "sweep_rerun.js",
        "sweep_grid.js",
    )
    styles = ("base.css", "kernel_gone.css", "gallery.css", "dialogs.css", "sweep_grid.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(self, grid: Grid, sweep: Sweep) -> None:
        self.grid = grid
        self._sweep = sweep
        self._lock = threading.RLock()
        self._pages: dict[str, GalleryPage] = {}
        self._rerun: Rerun | None = None
        self._delivery = ThumbnailDelivery(lambda message, buffers: self.send(message, list(buffers)))
        self._fallback = StaticOutputs(self._static)
        self._looking: threading.Timer | None = None
        super().__init__()
        self._refresh()
        for changed in (marks.changed, picks.changed):
            changed.add(self._look_soon)

    def page_opened(self) -> None:
        """Show what was said and run meanwhile, here or in other kernels."""
        self._refresh()

    def _look_soon(self) -> None:
        """Something was starred, noted or picked in this kernel, perhaps in this grid: show it soon."""
        with self._lock:
            if self.opened and self._looking is None:
                self._looking = threading.Timer(_PAUSE, self._look)
                self._looking.daemon = True
                self._looking.start()

    def _look(self) -> None:
        with self._lock:
            self._looking = None
        before = self.view
        self._refresh()
        if self.view != before:
            self._fallback.update_later()

    def __repr__(self) -> str:
        return f"Grid of {counted(len(self.grid.cells), 'cell')} (run this cell to see it live)"

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def _static(self) -> list[dict[str, str]]:
        assets = [asset for cell in self.grid.shown for asset in cell.assets]
        make_static(assets[:_MOST_LARGER], images.LIVE)
        make_static(assets)
        html = html_output(self.grid.html(), "ig-fallback")
        return [{"text/html": html, "text/plain": self.grid.text()}]

    # What is shown

    def _refresh(self) -> None:
        with self._lock:
            layout, rerun = self.grid.layout(), self._rerun
            shown = [cell for _, columns in layout.rows for cells in columns for cell in cells]
            again = can_run_again(self.grid.cells)
            running = rerun is not None and rerun.running
            view = {
                "title": self._sweep.title,
                "notes": self._sweep.notes(),
                "columns": list(map(_edge, layout.columns)),
                "rows": [
                    {"edge": _edge(edge), "cells": [[cell.number for cell in cells] for cells in columns]}
                    for edge, columns in layout.rows
                ],
                "more": layout.more,
                "cells": {str(cell.number): self._cell(cell) for cell in shown},
                "items": [item for cell in shown for item in self._items(cell)],
                "again": f"Run {counted(len(again), 'failed cell')} again" if again else "",
                "estimate": str(estimate_of(again)) if again else "",
                "running": _progress(rerun) if rerun is not None and running else None,
                "told": rerun.told if rerun is not None and not running else "",
            }
            self.set_trait("view", view)

    def _cell(self, cell: Cell) -> dict[str, Any]:
        """What a page needs to know of a cell."""
        assets, values = cell.assets, cell.values
        scores = [f"{judge} {marks.in_figures(found)}" for judge, found in marks.scores_of(assets).items()]
        # Why there is no image stands where it would be.
        told = map(visible, facts_of(cell)) if assets else ()
        inside = cell.label_of(self.grid.inside)
        again = bool(can_run_again([cell])) and not self._is_running()
        return {
            "number": cell.number,
            "heading": visible(f"Cell {cell.number} · {cell.label}"),
            "facts": [
                f"{cell.number}",
                *([visible(inside)] if inside else []),
                *told,
                *scores,
            ],
            "values": [
                [axis.removeprefix(INPUTS), visible(label(values[axis], _LONGEST_VALUE))] for axis in values
            ],
            "cost": page.run.cost.short if (page := self._page(cell)) is not None and page.run else "",
            "images": [self._image_id(cell, index) for index in range(max(len(assets), 1))],
            "has_images": bool(assets),
            "outcome": cell.outcome,
            "picked": cell.picked,
            "again": f"Estimate: {cell.estimate.short}" if again else "",
        }

    def _items(self, cell: Cell) -> list[dict[str, Any]]:
        """The images of a cell as the viewer shows them; one without a picture where it has none."""
        page, heading = self._page(cell), visible(f"Cell {cell.number} · {cell.label}")
        more = {"run": "", "path_run": 0, "path": "", "cell": cell.number, "heading": heading, "alt": heading}
        if page is None or not page.assets:
            reason = visible(": ".join(filter(None, (cell.outcome, cell.error))))
            return [{**_NOTHING, **more, "id": self._image_id(cell, 0), "reason": reason}]
        found = []
        for index, asset in enumerate(page.assets):
            mark = marks.mark_of(asset)
            told = {"id": self._image_id(cell, index), "starred": mark.starred, "note": mark.note}
            found.append({**page.item(index), **more, **told, "reason": ""})
        return found

    def _image_id(self, cell: Cell, index: int) -> str:
        # Of a cell without images it changes as the cell does: what a page knows of one id stays true.
        outcome = "" if cell.outcome in ("done", "partial") else f"-{cell.outcome}"
        return f"{cell.number}:{cell.result.run_id}{outcome}.{index}"

    def _page(self, cell: Cell) -> GalleryPage | None:
        """A cell's run, read once: it has ended."""
        run_id = cell.result.run_id
        if run_id not in self._pages:
            if (run := cell.run) is None:
                return None
            self._pages[run_id] = GalleryPage.of_run(run)
        return self._pages[run_id]

    def _is_running(self) -> bool:
        return self._rerun is not None and self._rerun.running

    # What a page asks

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        match content:
            case {"type": "full", "id": str(image_id)}:
                return full_size(self._asset(image_id))
            case {"type": "thumbnails", "ids": list(image_ids)}:
                found = {key: self._asset(key) for key in image_ids[:_MOST_ASKED] if self._is_here(key)}
                answer, buffers = self._delivery.answer(found)
                return {**answer, "items": []}, buffers
            case {"type": "details", "id": str(image_id)}:
                return {"type": "details", **self._details(self._find(image_id)[0])}, []
            case {"type": "star", "id": str(image_id), "on": bool(on)}:
                self._mark(image_id, starred=on)
            case {"type": "note", "id": str(image_id), "text": str(text)}:
                self._mark(image_id, note=text)
            case {"type": "pick", "cell": int(number), "on": bool(on)}:
                return self._pick(number, on=on), []
            case {"type": "again"}:
                self._run_again(content.get("cell"))
            case {"type": "look"}:
                pass
            case {"type": "stop"}:
                if self._rerun is not None:
                    self._rerun.cancel()
            case _:
                raise InvalidOption("the grid does not know this request")
        self._refresh()
        return {"type": "done"}, []

    def _mark(self, image_id: str, **change: Any) -> None:
        marks.change_mark(self._asset(image_id), **change)
        self._fallback.update_later()

    def _pick(self, number: int, *, on: bool) -> dict[str, Any]:
        if on:
            self._sweep.pick(number)
            told = f"Picked cell {number}: sweep.picked has it, and sweep.pick({number}) gives step and run."
        else:
            self._sweep.unpick(number)
            told = f"Cell {number} is not picked any more."
        self._fallback.update_later()
        self._refresh()
        return {"type": "done", "text": told}

    def _run_again(self, number: object) -> None:
        """Run all failed cells of the grid, or one, that surely cost nothing."""
        wanted = [cell for cell in self.grid.cells if number in (None, cell.number)]
        with self._lock:
            if self._is_running():
                raise InvalidOption("cells are being run again already; wait for them, or stop them")
            if self._sweep._results.workspace is not None and not can_run_again(wanted):
                raise InvalidOption("no cell failed without a charge: there is nothing to run again")
            self._rerun = Rerun(self._sweep, can_run_again(wanted), self._ran)

    def _ran(self) -> None:
        self._refresh()
        if not self._is_running():
            self._fallback.update()

    def _find(self, image_id: str) -> tuple[Cell, int]:
        match = _IMAGE_ID.fullmatch(image_id)
        cell = next((one for one in self.grid.cells if match and one.number == int(match[1])), None)
        if match is None or cell is None or self._image_id(cell, int(match[3])) != image_id:
            raise InvalidOption("the image is not in this grid")
        return cell, int(match[3])

    def _asset(self, image_id: str) -> Asset:
        cell, index = self._find(image_id)
        page = self._page(cell)
        if page is None or index >= len(page.assets):
            raise InvalidOption("the image is not in this grid")
        return page.assets[index]

    def _is_here(self, image_id: object) -> bool:
        try:
            return isinstance(image_id, str) and bool(self._asset(image_id))
        except InvalidOption:
            return False

    def _details(self, cell: Cell) -> dict[str, Any]:
        if (page := self._page(cell)) is not None:
            return page.details()
        return {"prompt": cell.step.prompt, "template": "", "settings": []}


_NOTHING = {
    **dict.fromkeys(("name", "saved_as", "file", "note"), ""),
    **dict.fromkeys(("size", "width", "height"), 0),
    "facts": [],
    "more": [],
    "missing": True,
    "starred": False,
}
"""What is known of an image that is not there."""


def show(grid: Grid) -> None:
    """Show a grid live in a notebook; anywhere else IPython shows what it can of it."""
    shell = get_ipython()
    if not hasattr(shell, "kernel") or not isinstance(grid.sweep, Sweep):
        raise NotImplementedError
    SweepGrid(grid, grid.sweep)._ipython_display_()


def _edge(edge: Edge) -> list[list[Any]]:
    return [[axis, [[is_marked, visible(text)] for is_marked, text in pieces]] for axis, pieces in edge]


def _progress(rerun: Rerun) -> dict[str, Any]:
    return {"done": rerun.done, "total": len(rerun.cells), "note": rerun.note}
