"""Two cells side by side: their images, and what made the difference."""

from __future__ import annotations

from functools import partial
from typing import Any

from imagegen_nb.core import html_repr, images
from imagegen_nb.step.diff import StepDiff, diff
from imagegen_nb.step.output import thumbnail
from imagegen_nb.sweeps.axes import label
from imagegen_nb.sweeps.cell import Cell

_LONGEST = 80


class Comparison:
    """Two cells of a sweep. `diff` are the settings that differ, `inputs` the inputs with both values."""

    def __init__(self, a: Cell, b: Cell) -> None:
        self.a, self.b = a, b

    @property
    def diff(self) -> StepDiff:
        """The settings that differ."""
        return diff(self.a.step, self.b.step)

    @property
    def inputs(self) -> dict[str, tuple[Any, Any]]:
        """The inputs that differ; None where a cell has none of that name."""
        ours, theirs = self.a.inputs, self.b.inputs
        return {
            name: (ours.get(name), theirs.get(name))
            for name in dict.fromkeys([*ours, *theirs])
            if ours.get(name) != theirs.get(name)
        }

    def _tiles(self) -> list[html_repr.Tile]:
        # One of each in turn, so that they stand side by side.
        most = max(len(self.a.assets), len(self.b.assets), 1)
        return [
            self._tile(name, cell, place)
            for place in range(most)
            for name, cell in (("a", self.a), ("b", self.b))
        ]

    def _tile(self, name: str, cell: Cell, place: int) -> html_repr.Tile:
        asset = cell.assets[place] if place < len(cell.assets) else None
        reason = f"{cell.outcome}{': ' if cell.error else ''}{cell.error}"
        return html_repr.Tile(
            name=f"{name} · cell {cell.number}",
            alt=cell.label,
            path="",
            facts=[cell.label, *(asset.facts() if asset else [reason])],
            thumbnail=(lambda: None) if asset is None else partial(thumbnail, asset, images.STATIC),
            larger=(lambda: None) if asset is None else partial(thumbnail, asset, images.LIVE),
            absent="no image" if asset is None else "image stored elsewhere",
        )

    def _notes(self) -> list[str]:
        told = [
            f"{name}: {label(a, _LONGEST)} → {label(b, _LONGEST)}" for name, (a, b) in self.inputs.items()
        ]
        waiting = [f"cell {cell.number}" for cell in (self.a, self.b) if cell.outcome == "waiting"]
        advice = [f"not run yet: {', '.join(waiting)}; call sweep.run(workspace=ws)"] if waiting else []
        return [self.diff.title, *(f"inputs.{line}" for line in told), *advice]

    def __repr__(self) -> str:
        changes = [str(change) for change in self.diff]
        return html_repr.text("Comparison", [*self._notes(), *changes], self._tiles())

    def _repr_html_(self) -> str:
        return html_repr.html("Comparison", self._notes(), self._tiles()) + self.diff._repr_html_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
