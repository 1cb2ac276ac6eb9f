"""Test values for the prompt's variables, and what the prompt becomes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets
import jiter

from imagegen_nb import variables
from imagegen_nb.errors import VariableError

_LONGEST_PREVIEW = 4_000


class TestValues(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """A text field for each input the prompt names, and the resolved prompt below.

    `given` are values that came with the form: text can be edited, earlier runs and other data
    stand as they are. A text that is a JSON array or object is used as one, as on the platform.
    """

    __test__ = False  # not a test, whatever its name says to pytest

    def __init__(self, given: Mapping[str, Any], changed: Callable[[], None]) -> None:
        self.given = dict(given)
        self._changed = changed
        self._texts: dict[str, ipywidgets.Text] = {}
        self._fields = ipywidgets.VBox()
        self._preview = ipywidgets.HTML()
        self._preview.add_class("ig-preview")
        super().__init__([self._fields, self._preview])
        self.add_class("ig-inputs")

    def values(self) -> dict[str, Any]:
        """The inputs for a run: what came with the form, and what was typed."""
        typed = {name: _value(text.value) for name, text in self._texts.items() if text.value}
        return {**self.given, **typed}

    def show(self, prompt: str) -> None:
        """Offer a field for each input `prompt` names, keeping what was typed before."""
        names = list(dict.fromkeys(path.partition(".")[0] for path in variables.paths(prompt)))
        wanted = [name for name in names if isinstance(self.given.get(name, ""), str)]
        for name in wanted:
            if name not in self._texts:
                self._texts[name] = self._text(name)
        fields = [self._texts[name] for name in wanted]
        if list(self._fields.children) != fields:
            self._fields.children = fields
        self._show_preview(prompt)

    def _text(self, name: str) -> ipywidgets.Text:
        text = ipywidgets.Text(
            value=self.given.get(name, ""),
            description=f"Test value for {name}",
            placeholder='text, or a JSON array such as ["a", "b"]',
            style={"description_width": "180px"},
            layout=ipywidgets.Layout(width="auto", max_width="560px"),
        )
        text.add_class("ig-test-value")
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
        if self._preview.value != html:
            self._preview.value = html


def _value(text: str) -> Any:
    """What was typed: a JSON array or object where it is one, else the text itself."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError:
            return text
    return text
