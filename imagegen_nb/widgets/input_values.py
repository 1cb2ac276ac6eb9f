"""Test values for the prompt's variables, and what the prompt becomes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import jiter
from ipywidgets import HTML, Text, VBox

from imagegen_nb.core import variables
from imagegen_nb.errors import VariableError
from imagegen_nb.widgets.assign import assign
from imagegen_nb.widgets.factory import Kit

_LONGEST_PREVIEW = 4_000


class TestValues:
    """A text field for each input the prompt names, and the resolved prompt below.

    `given` are values that came with the form: text can be edited, earlier runs and other data
    stand as they are. A text that is a JSON array or object is used as one, as on the platform.
    """

    __test__ = False  # not a test, whatever its name says to pytest

    def __init__(self, kit: Kit, given: Mapping[str, Any], changed: Callable[[], None]) -> None:
        self.given = given
        self._kit = kit
        self._changed = changed
        self._texts: dict[str, Any] = {}
        self._preview = kit.make(HTML, "ig-preview")
        self.widget = kit.make(VBox, "ig-inputs", children=[self._preview])

    def values(self) -> dict[str, Any]:
        """The inputs for a run: what came with the form, and what was typed."""
        typed = {name: _value(text.value) for name, text in self._texts.items() if text.value}
        return {**self.given, **typed}

    def texts(self) -> list[Any]:
        """The text fields there ever were; those of names no longer in the prompt keep their text."""
        return list(self._texts.values())

    def show(self, prompt: str) -> None:
        """Offer a field for each input `prompt` names, keeping what was typed before."""
        names = list(dict.fromkeys(path.partition(".")[0] for path in variables.paths(prompt)))
        wanted = [name for name in names if isinstance(self.given.get(name, ""), str)]
        for name in wanted:
            if name not in self._texts:
                self._texts[name] = self._text(name)
        assign(self.widget, children=(*(self._texts[name] for name in wanted), self._preview))
        self._show_preview(prompt)

    def _text(self, name: str) -> Any:
        text = self._kit.entry(
            Text,
            f"Test value for {name}",
            "ig-test-value",
            value=self.given.get(name, ""),
            placeholder='text, or a JSON array such as ["a", "b"]',
        )
        text.observe(lambda _: self._changed(), "value")
        return text

    def _show_preview(self, prompt: str) -> None:
        html = ""
        if variables.paths(prompt):
            try:
                resolved = variables.render(prompt, variables.plain(self.values()))
            except VariableError as error:
                html = f'<div class="ig-hint">Resolved prompt: {escape(str(error))}</div>'
            else:
                shown = escape(resolved[:_LONGEST_PREVIEW])
                html = f'<div class="ig-hint">Resolved prompt:</div><div class="ig-resolved">{shown}</div>'
        assign(self._preview, value=html)


def _value(text: str) -> Any:
    """What was typed: a JSON array or object where it is one, else the text itself."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError:
            return text
    return text
