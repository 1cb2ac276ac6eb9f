"""What stands in for the live form where there is no kernel: the last run as a static table.

It is a second output of the same cell, updated in place, since a host that cannot show a widget does
not fall back to other forms of the same output. While the form is live, CSS hides it.
"""

from __future__ import annotations

from typing import Any

from IPython.display import display

_HIDDEN_WHILE_LIVE = """<style>
.jp-OutputArea-child:has(.ig-form) ~ .jp-OutputArea-child:has(.ig-standin) { display: none !important; }
.jp-OutputArea:has(.ig-standin) .jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }
</style>"""
"""The second rule hides the line a host writes about a widget whose kernel is gone."""


class StandIn:
    """A static output that follows the form's last run."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.run: Any = None
        self._handle: Any = None

    def show(self) -> None:
        """Put it below the form; called while the form's cell is running."""
        self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def follow(self, run: Any) -> None:
        """Show `run` from now on, wherever the output was put."""
        self.run = run
        if self._handle is not None:
            self._handle.update(self)

    def __repr__(self) -> str:
        if self.run is None:
            return f"{self.title} (run this cell to use the form)"
        return repr(self.run)

    def _repr_html_(self) -> str:
        shown = "<p>Run this cell to use the form.</p>" if self.run is None else self.run._repr_html_()
        return f'<div class="ig-standin">{_HIDDEN_WHILE_LIVE}{shown}</div>'
