"""The static fallback: what is shown in place of a live widget where there is no kernel.

It consists of further outputs of the same cell, updated in place: a host that cannot show a widget does not
fall back to the other formats of the same output. No single format is shown well by all hosts, so there
are three outputs:

- a list without pictures, whose tags every sanitizer allows: nbconvert writes out the tags it does not;
- the pictures as one JPEG, which needs no sanitizer: nbconvert, GitHub, VS Code, and whatever makes PDFs;
- a script that puts one page with both in their place. JupyterLab, Notebook 7 and nbconvert's pages run it
  where they trust the notebook; wherever it does not run, nothing is lost but looks.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from IPython.display import display

from imagegen_nb.core.contact_sheet import contact_sheet
from imagegen_nb.core.html_repr import Page

_PAUSE = 4.0
"""Seconds without a change before `update_later` updates."""

# The page takes the place of the two plain outputs, and hides beside a live widget. The last rules hide a
# widget that was saved with its state but has no kernel, and the line that a host writes about a widget whose
# kernel is gone.
_STYLE = """<style>
.jp-OutputArea:has(.ig-fallback) .jp-OutputArea-child:has(.ig-plain),
.jp-OutputArea:has(.ig-fallback) .jp-OutputArea-child:has(.ig-plain) + .jp-OutputArea-child,
.jp-OutputArea-child:has(.ig-live) ~ .jp-OutputArea-child:has(.ig-fallback) { display: none !important; }
.jp-OutputArea:has(.ig-fallback) .ig-form:not(:has(.ig-live)) { display: none !important; }
.jp-OutputArea:has(.ig-fallback) .jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }
</style>"""
# Only where those rules apply: elsewhere all would be there twice.
_SCRIPT = 'if (element.closest(".jp-OutputArea")) element.innerHTML = {};'
_NOTHING = {"application/javascript": "", "text/plain": ""}


class StaticFallback:
    """Static outputs that show what `page()` returns."""

    def __init__(self, page: Callable[[], Page]) -> None:
        self._page = page
        self._handles: list[Any] = []
        self._timer: threading.Timer | None = None

    def show(self) -> None:
        """Put it below the widget; called while the widget's cell is running."""
        self._handles = [display(data, raw=True, display_id=True) for data in self.outputs()]  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Render it again, wherever it was shown."""
        self.cancel()
        if self._handles:
            for handle, data in zip(self._handles, self.outputs(), strict=True):
                handle.update(data, raw=True)

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

    def outputs(self) -> tuple[dict[str, str], ...]:
        """What the outputs hold, by MIME type."""
        page = self._page()
        plain = {"text/html": f'<div class="ig-plain">{page.plain_html()}</div>', "text/plain": page.text()}
        return plain, _pictures(page), {**_NOTHING, "application/javascript": _script(_full(page))}

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return _full(self._page())


def _full(page: Page) -> str:
    # The second class gives it the looks of a notebook's HTML where a script writes it.
    return f'<div class="ig-fallback jp-RenderedHTMLCommon">{_STYLE}{page.html()}</div>'


def _script(html: str) -> str:
    # nbconvert writes it into a page, where no text of it may end the script.
    return _SCRIPT.format(json.dumps(html).replace("<", "\\u003c"))


def _pictures(page: Page) -> dict[str, str]:
    thumbnails = [tile.thumbnail() for tile in page.tiles]
    if not any(thumbnails):
        return _NOTHING
    alt = "\n".join(f"{number}. {tile.alt}" for number, tile in enumerate(page.tiles, 1))
    return {"image/jpeg": b64encode(contact_sheet(thumbnails)).decode(), "text/plain": alt}
