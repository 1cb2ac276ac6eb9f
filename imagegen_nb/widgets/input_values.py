"""Test values for the prompt's variables, and what the prompt becomes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import jiter
from ipywidgets import HTML, Text, VBox

from imagegen_nb.core import variables
from imagegen_nb.core.plain_data import plain
from imagegen_nb.errors import VariableError
from imagegen_nb.widgets.factory import WidgetFactory, update_traits

_LONGEST_PREVIEW = 4_000


class InputValues:
    """A text field for each input the prompt names, and the resolved prompt below.

    `initial` are values that came with the form: text can be edited, earlier runs and other data
    cannot. Text that is a JSON array or object is used as one, as on the platform.
    """

    def __init__(
        self, factory: WidgetFactory, initial: dict[str, Any], on_change: Callable[[], None]
    ) -> None:
        self.initial = initial
        self._factory = factory
        self._on_change = on_change
        self._texts: dict[str, Any] = {}
        self._preview = factory.make(HTML, "ig-preview")
        self.widget = factory.make(VBox, "ig-inputs", children=[self._preview])

    def values(self) -> dict[str, Any]:
        """The inputs for a run: the initial values, and what was typed."""
        typed = {name: _value(text.value) for name, text in self._texts.items() if text.value}
        return {**self.initial, **typed}

    def snapshot(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What there was at the beginning and what was typed, for `restore`."""
        return dict(self.initial), {name: text.value for name, text in self._texts.items()}

    def restore(self, snapshot: tuple[Mapping[str, Any], Mapping[str, str]]) -> None:
        """Go back to what `snapshot` returned."""
        initial, typed = snapshot
        self.initial.clear()
        self.initial.update(initial)
        for name, text in self._texts.items():
            text.value = typed.get(name, plain(self.initial.get(name, "")))

    def recall(self, inputs: Mapping[str, Any]) -> None:
        """Take over the inputs of an earlier run or a file."""
        self.initial.update(inputs)
        for name, text in self._texts.items():
            if isinstance(inputs.get(name), str):
                text.value = inputs[name]

    def texts(self) -> list[Any]:
        """All text fields, also of names no longer in the prompt: they keep their text."""
        return list(self._texts.values())

    def show(self, prompt: str) -> None:
        """Offer a field for each input `prompt` names, keeping what was typed before."""
        names = list(dict.fromkeys(path.partition(".")[0] for path in variables.paths(prompt)))
        editable = [name for name in names if isinstance(self.initial.get(name, ""), str)]
        for name in editable:
            if name not in self._texts:
                self._texts[name] = self._text(name)
        update_traits(self.widget, children=(*(self._texts[name] for name in editable), self._preview))
        self._show_preview(prompt)

    def _text(self, name: str) -> Any:
        text = self._factory.make_labelled(
            Text,
            f"Test value for {name}",
            "ig-test-value",
            value=plain(self.initial.get(name, "")),
            placeholder='text, or a JSON array such as ["a", "b"]',
        )
        text.observe(lambda _: self._on_change(), "value")
        return text

    def _show_preview(self, prompt: str) -> None:
        html = ""
        if variables.paths(prompt):
            try:
                resolved = variables.render(prompt, plain(self.values()))
            except VariableError as error:
                html = f'<div class="ig-hint">Resolved prompt: {escape(str(error))}</div>'
            else:
                shown = escape(resolved[:_LONGEST_PREVIEW])
                html = f'<div class="ig-hint">Resolved prompt:</div><div class="ig-resolved">{shown}</div>'
        update_traits(self._preview, value=html)


def _value(text: str) -> Any:
    """The typed text, parsed where it is a JSON array or object."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError:
            return text
    return text
