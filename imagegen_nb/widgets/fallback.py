"""The static fallback: what is shown in place of a live widget where there is no kernel.

It consists of further outputs of the same cell, updated in place: a host that cannot show a widget does not
fall back to the other formats of the same output. Nothing in them depends on a sanitizer:

- a list of settings or images, in tags that all of them allow: nbconvert writes out those it does not;
- the images on one JPEG, which no sanitizer looks at, and which goes into PDFs too;
- a script with a style, for JupyterLab and Notebook 7: it hides what a dead widget leaves behind.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import display

from imagegen_nb.core.contact_sheet import contact_sheet
from imagegen_nb.core.html_repr import SHOWN_FIRST, Page, html_output

_PAUSE = 4.0
"""Seconds without a change before `update_later` updates."""

# The first rule hides the others beside a live widget, the second a widget that was saved with its state but
# has no kernel, the last one the line that a host writes about a widget whose kernel is gone.
_STYLE = """
.jp-OutputArea-child:has(.ig-live) ~ .jp-OutputArea-child:has(.ig-fallback),
.jp-OutputArea-child:has(.ig-live) ~ .jp-OutputArea-child:has(.ig-fallback) + .jp-OutputArea-child {
  display: none !important; }
.jp-OutputArea:has(.ig-fallback) .ig-form:not(:has(.ig-live)) { display: none !important; }
.jp-OutputArea:has(.ig-fallback) .jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }
"""
_SCRIPT = f"""{{
const style = document.createElement("style");
style.textContent = `{_STYLE}`;
element.append(style);
}}"""
_NOTHING = {"application/javascript": "", "text/plain": ""}


class StaticOutputs:
    """Static outputs of a cell below its widget: what `outputs()` returns, each by MIME type. The first has
    an element of the class `ig-fallback`."""

    def __init__(self, outputs: Callable[[], Sequence[dict[str, str]]]) -> None:
        self.outputs = outputs
        self._handles: list[Any] = []
        self._shown_first: tuple[str, ...] = ()
        self._timer: threading.Timer | None = None

    def show(self) -> None:
        """Put it below the widget; called while the widget's cell is running."""
        outputs = self.outputs()
        self._shown_first = tuple(data["text/plain"] for data in outputs)
        self._handles = [
            display(data, raw=True, display_id=True, metadata={SHOWN_FIRST: None})  # type: ignore[no-untyped-call]
            for data in outputs
        ]
        display({**_NOTHING, "application/javascript": _SCRIPT}, raw=True)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Render it again, wherever it was shown."""
        self.cancel()
        if self._handles:
            for handle, data, first in zip(self._handles, self.outputs(), self._shown_first, strict=True):
                handle.update(data, raw=True, metadata={SHOWN_FIRST: first})

    def update_later(self) -> None:
        """Render it again after a pause: somebody is typing."""
        self.cancel()
        if self._handles:
            self._timer = threading.Timer(_PAUSE, self.update)
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """Forget an update that is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class StaticFallback(StaticOutputs):
    """Static outputs that show what `page()` returns: a list and a sheet."""

    def __init__(self, page: Callable[[], Page]) -> None:
        self._page = page
        super().__init__(self._list_and_sheet)

    def _list_and_sheet(self) -> tuple[dict[str, str], dict[str, str]]:
        page = self._page()
        return {"text/html": _list(page), "text/plain": page.text()}, _sheet(page)

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return _list(self._page())


def _list(page: Page) -> str:
    return html_output(page.plain_html(), "ig-fallback")


def _sheet(page: Page) -> dict[str, str]:
    thumbnails = [tile.thumbnail() for tile in page.tiles]
    if not any(thumbnails):
        return _NOTHING
    alt = "\n".join(f"{number}. {tile.alt}" for number, tile in enumerate(page.tiles, 1))
    return {"image/jpeg": b64encode(contact_sheet(thumbnails)).decode(), "text/plain": alt}
