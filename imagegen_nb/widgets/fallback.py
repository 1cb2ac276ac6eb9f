"""What stands in for a live widget where there is no kernel: static HTML in an output of its own.

It is a second output of the same cell, updated in place, since a host that cannot show a widget does
not fall back to other forms of the same output. Once the widget is drawn, CSS hides it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.display import display

_STYLE = """<style>
.jp-OutputArea-child:has(.ig-live) ~ .jp-OutputArea-child:has(.ig-standin) { display: none !important; }
.jp-OutputArea:has(.ig-standin) .ig-form:not(:has(.ig-live)) { display: none !important; }
.jp-OutputArea:has(.ig-standin) .jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }
</style>"""
"""The second rule hides a form that was saved with its state but has nobody behind it, the third one the
line a host writes about a widget whose kernel is gone."""


class StandIn:
    """A static output that shows what `html()` and `text()` give."""

    def __init__(self, html: Callable[[], str], text: Callable[[], str]) -> None:
        self._html = html
        self._text = text
        self._handle: Any = None

    def show(self) -> None:
        """Put it below the widget; called while the widget's cell is running."""
        self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Show what they give now, wherever the output was put."""
        if self._handle is not None:
            self._handle.update(self)

    def __repr__(self) -> str:
        return self._text()

    def _repr_html_(self) -> str:
        return f'<div class="ig-standin">{_STYLE}{self._html()}</div>'
