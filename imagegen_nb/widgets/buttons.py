"""Buttons for what only the page can do: take a file from the reader's machine, fill the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from imagegen_nb.widgets.base import Live


class FileButton(Live):
    """Opens the browser's file dialog and calls `read(name, data)` with the chosen file.

    The bytes come as a message and never enter the widget's state. `accept` names the endings to offer,
    `largest` is the most bytes taken; for a larger file `data` is None. Traits: `label`.
    """

    scripts = ("dom.js", "upload.js")
    styles = ("base.css",)

    label = traitlets.Unicode().tag(page=True)
    accept = traitlets.Unicode().tag(page=True)
    largest = traitlets.Int().tag(page=True)

    def __init__(self, read: Callable[[str, bytes | None], None], **traits: Any) -> None:
        self._read = read
        super().__init__(**traits)
        self.on_msg(self._chosen)

    def _chosen(self, _widget: object, content: object, buffers: list[Any]) -> None:
        match content:
            case {"type": "file", "name": str(name)}:
                data = bytes(buffers[0]) if buffers else None
                self._read(name, data if data is not None and len(data) <= self.largest else None)

    def __repr__(self) -> str:
        return f"{self.label} (run this cell to see it live)"


class CopyButton(Live):
    """Copies what `text()` gives when it is pressed, or nothing where that is None. Traits: `label`."""

    scripts = ("dom.js", "copy.js")
    styles = ("base.css",)

    label = traitlets.Unicode().tag(page=True)

    def __init__(self, text: Callable[[], str | None], **traits: Any) -> None:
        self._text = text
        super().__init__(**traits)
        self.on_msg(self._pressed)

    def _pressed(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "press"}:
                self.send({"type": "text", "text": self._text()})

    def __repr__(self) -> str:
        return f"{self.label} (run this cell to see it live)"
