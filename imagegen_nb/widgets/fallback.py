"""The static fallback: HTML shown in place of a live widget where there is no kernel.

It is a second output of the same cell, updated in place: a host that cannot show a widget does not fall back
to the other formats of the same output. Once the widget is drawn, CSS hides the fallback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.display import display

# The second rule hides a form that was saved with its state but has no kernel, the third one the line that
# a host writes about a widget whose kernel is gone.
_STYLE = """<style>
.jp-OutputArea-child:has(.ig-live) ~ .jp-OutputArea-child:has(.ig-fallback) { display: none !important; }
.jp-OutputArea:has(.ig-fallback) .ig-form:not(:has(.ig-live)) { display: none !important; }
.jp-OutputArea:has(.ig-fallback) .jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }
</style>"""


class StaticFallback:
    """A static output that shows what `html()` and `text()` return."""

    def __init__(self, html: Callable[[], str], text: Callable[[], str]) -> None:
        self._html = html
        self._text = text
        self._handle: Any = None

    def show(self) -> None:
        """Put it below the widget; called while the widget's cell is running."""
        self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Render it again, wherever it was shown."""
        if self._handle is not None:
            self._handle.update(self)

    def __repr__(self) -> str:
        return self._text()

    def _repr_html_(self) -> str:
        return f'<div class="ig-fallback">{_STYLE}{self._html()}</div>'
