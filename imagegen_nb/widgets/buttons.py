"""Buttons for what only the page can do: read a file of the user's machine, write to the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from imagegen_nb.widgets.base import BaseWidget


class FileButton(BaseWidget):
    """Opens the browser's file dialog and calls `on_file(name, data)` with the chosen file.

    The bytes come as a message and never enter the widget's state. `accept` names the endings to offer,
    `largest` is the most bytes taken; for a larger file `data` is None. Traits: `label`.
    """

    scripts = ("shared.js", "file_button.js")
    styles = ("base.css",)

    label = traitlets.Unicode().tag(unsaved=True)
    accept = traitlets.Unicode().tag(unsaved=True)
    largest = traitlets.Int().tag(unsaved=True)

    def __init__(self, on_file: Callable[[str, bytes | None], None], **traits: Any) -> None:
        self._on_file = on_file
        super().__init__(**traits)
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: object, buffers: list[Any]) -> None:
        match content:
            case {"type": "file", "name": str(name)}:
                data = bytes(buffers[0]) if buffers else None
                self._on_file(name, data if data is not None and len(data) <= self.largest else None)

    def __repr__(self) -> str:
        return f"{self.label} (run this cell to see it live)"


class CopyButton(BaseWidget):
    """Copies what `text()` returns when the button is pressed; None copies nothing. Traits: `label`."""

    scripts = ("shared.js", "copy_button.js")
    styles = ("base.css",)

    label = traitlets.Unicode().tag(unsaved=True)

    def __init__(self, text: Callable[[], str | None], **traits: Any) -> None:
        self._text = text
        super().__init__(**traits)
        self.on_msg(self._send_text)

    def _send_text(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "press"}:
                self.send({"type": "text", "text": self._text()})

    def __repr__(self) -> str:
        return f"{self.label} (run this cell to see it live)"
