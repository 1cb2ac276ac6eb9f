"""Test values for the prompt's variables, and what the prompt becomes with them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ipywidgets import HTML, Text, VBox

from imagegen_nb.widgets.draft_inputs import DraftInputs, names
from imagegen_nb.widgets.factory import WidgetFactory, update_traits

_LONGEST_PREVIEW = 4_000


class InputValues:
    """A text field for each input the prompt names, and the resolved prompt below.

    Text can be edited; earlier runs and other data cannot. Text that is a JSON array or object is used as
    one, as on the platform.
    """

    def __init__(self, factory: WidgetFactory, inputs: DraftInputs, on_change: Callable[[], None]) -> None:
        self._inputs = inputs
        self._factory = factory
        self._on_change = on_change
        self._writing = False
        self._texts: dict[str, Any] = {}
        self._preview = factory.make(HTML, "ig-preview")
        self.widget = factory.make(VBox, "ig-inputs", children=[self._preview])

    def texts(self) -> list[Any]:
        """All text fields, also of names no longer in the prompt: they keep their text."""
        return list(self._texts.values())

    def show(self, prompt: str, resolved: str) -> None:
        """Offer a field for each input `prompt` names, and show what it becomes, unless something is wrong."""
        editable = [name for name in names(prompt) if self._inputs.is_text(name)]
        self._writing = True
        try:
            for name in editable:
                self._show_text(name)
        finally:
            self._writing = False
        update_traits(self.widget, children=(*(self._texts[name] for name in editable), self._preview))
        self._show_preview(resolved)

    def _show_text(self, name: str) -> None:
        if name in self._texts:
            update_traits(self._texts[name], value=self._inputs.text(name))
            return
        text = self._factory.make_labelled(
            Text,
            f"Test value for {name}",
            "ig-test-value",
            value=self._inputs.text(name),
            placeholder='text, or a JSON array such as ["a", "b"]',
        )
        text.observe(lambda change: self._enter(name, change["new"]), "value")
        self._texts[name] = text

    def _enter(self, name: str, text: str) -> None:
        if not self._writing:
            self._inputs.typed[name] = text
            self._on_change()

    def _show_preview(self, text: str) -> None:
        html = ""
        if text:
            shown = escape(text[:_LONGEST_PREVIEW])
            html = f'<div class="ig-hint">Resolved prompt:</div><div class="ig-resolved">{shown}</div>'
        update_traits(self._preview, value=html)
