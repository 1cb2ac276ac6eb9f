"""Values for the prompt's variables, and what the prompt becomes with them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import escape
from typing import Any

from ipywidgets import HTML, VBox

from imagegen_nb.core import variables
from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.edits import Writing
from imagegen_nb.widgets.factory import WidgetFactory, update_traits
from imagegen_nb.widgets.field_group import FieldGroup
from imagegen_nb.widgets.parts import Control

_LONGEST_PREVIEW = 4_000


class InputValues:
    """A text field for each input the prompt names, and the resolved prompt below.

    Text can be edited; earlier runs and other data cannot. Text that is a JSON array or object is used as
    one, as on the platform.
    """

    def __init__(self, factory: WidgetFactory, inputs: DraftInputs, on_change: Callable[[], None]) -> None:
        self._inputs = inputs
        self._on_change = on_change
        self._writing = Writing()
        self._texts: dict[str, Control] = {}
        self._group = FieldGroup({}, layout=factory.layout)
        self._preview: Any = factory.make(HTML, "ig-preview")
        self.widget: Any = factory.make(VBox, "ig-inputs", children=[self._group, self._preview])

    @property
    def fields(self) -> dict[str, Control]:
        """The fields that are shown, by the input's name. Those of names no longer in the prompt are hidden
        and keep their text. In the prompt's order."""
        shown = {name: text for name, text in self._texts.items() if text.visible}
        return dict(sorted(shown.items(), key=lambda item: item[1].place))

    @property
    def resolved(self) -> str:
        """The resolved prompt as it is shown, in HTML."""
        return str(self._preview.value)

    def show(self, prompt: str, resolved: str, empty: Collection[str] = (), *, patient: bool = False) -> None:
        """Offer a field for each input `prompt` names, and show what it becomes if nothing is wrong. Of those
        that are `empty`, it says so: as a problem, or `patient`ly until somebody has left the field."""
        steps = self._inputs.unknown_steps(prompt)
        editable = [
            name for name in variables.inputs_of(prompt) if self._inputs.is_text(name) and name not in steps
        ]
        with self._writing.here(), self._group.hold():
            for place, name in enumerate(editable):
                lacking = f"Type what {{{{{name}}}}} stands for: it is empty." if name in empty else ""
                shown = {
                    "value": self._inputs.text(name),
                    "problem": lacking,
                    "patient": patient,
                    "place": place,
                }
                update_traits(self._field(name), **shown)
            for name, text in self._texts.items():
                update_traits(text, visible=name in editable)
        self._show_preview(resolved)

    def _field(self, name: str) -> Control:
        if name not in self._texts:
            lines = {"help": f'Replaces {{{{{name}}}}} in the prompt. Write a list as ["red", "blue"].'}
            text = Control(kind="text", label=f"Value of {{{{{name}}}}}", lines=lines)
            text.observe(lambda change: self._enter(name, change["new"]), "value")
            self._texts[name] = text
            self._group.add(f"value_of_{name}", text)
        return self._texts[name]

    def _enter(self, name: str, text: str) -> None:
        if not self._writing.is_here:
            self._inputs.typed[name] = text
            self._on_change()

    def _show_preview(self, text: str) -> None:
        html = ""
        if text:
            shown = escape(text[:_LONGEST_PREVIEW])
            html = (
                '<div class="ig-hint">Resolved prompt:</div>'
                f'<div class="ig-resolved" dir="auto">{shown}</div>'
            )
        update_traits(self._preview, value=html)
