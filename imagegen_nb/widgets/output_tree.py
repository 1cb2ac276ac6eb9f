"""The output object as a foldable tree: the paths later steps can refer to, each with a copy button."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import traitlets

from imagegen_nb.core.words import counted, shortened
from imagegen_nb.runs.run import Run
from imagegen_nb.step import output_references
from imagegen_nb.step.output_references import OutputPath
from imagegen_nb.widgets.base import BaseWidget

_LONGEST_VALUE = 160  # characters of a shown value


class OutputTree(BaseWidget):
    """A run's output, or what a step is expected to give, as a tree to unfold and copy paths from.

    `source` is a `Run` or the `OutputPath`s of `imagegen_nb.paths(step)`; `identifier` is the name later
    steps use for a run (by default its own, or `step_1`). `show` takes the same and replaces what is shown.
    Paths a run did not give are marked as missing, those no run has confirmed as predicted.

    Traits: `label`, the heading; `copy_note`, told beside it and whenever a path is copied; `nodes`, what is
    drawn, written here and never read back.
    """

    scripts = ("shared.js", "clipboard.js", "output_tree.js")
    styles = ("base.css", "output_tree.css")

    label = traitlets.Unicode("Output").tag(sync=True)
    copy_note = traitlets.Unicode().tag(unsaved=True)
    nodes: traitlets.List[Any] = traitlets.List(read_only=True).tag(unsaved=True)

    def __init__(
        self, source: Run | Iterable[OutputPath] | None = None, *, identifier: str | None = None
    ) -> None:
        super().__init__()
        if source is not None:
            self.show(source, identifier=identifier)

    def show(self, source: Run | Iterable[OutputPath], *, identifier: str | None = None) -> None:
        """Show another run, or other paths; what was unfolded stays so."""
        if isinstance(source, Run):
            source = output_references.paths(source.step, source, identifier=identifier)
        self.set_trait("nodes", [_node(path) for path in sorted(source, key=_sort_key)])

    def __repr__(self) -> str:
        count = len(self.nodes)
        return f"Output tree of {count} path{'' if count == 1 else 's'} (run this cell to see it live)"


def _sort_key(path: OutputPath) -> list[tuple[bool, int, str]]:
    """Sorts a node directly before its children, indexes as numbers, settings before assets."""
    parts = path.path.split(".")
    order = {"model": 0, "id": 0, "settings": 0, "assets": 1, "error": 2}
    return [(not part.isdigit(), int(part) if part.isdigit() else order.get(part, 3), part) for part in parts]


def _node(path: OutputPath) -> dict[str, str]:
    return {"path": path.path, "type": path.type, "state": path.state, "value": _display(path.value)}


def _display(value: Any) -> str:
    """A value as text, shortened; of an array only its length."""
    if value is None:
        return ""
    if isinstance(value, list):
        return counted(len(value), "item")
    if isinstance(value, dict):
        return ""
    return shortened(value if isinstance(value, str) else json.dumps(value), _LONGEST_VALUE)
