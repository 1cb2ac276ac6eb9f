"""One field of the form: the control for its kind, and the line below it that says what is wrong.

Data goes one way: a control reports what was entered, the form changes its draft, and every control is
written anew from the draft's state. While a control is written, it reports nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from html import escape
from typing import Any

from ipywidgets import HTML, BoundedIntText, Dropdown, Text, VBox

from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.factory import WidgetFactory, set_visible, update_traits
from imagegen_nb.widgets.form_state import FieldState
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

_OnEntry = Callable[[str, Any], None]
"""Called with a setting's key and what was entered; None for nothing."""


class Field:
    """A control with its message line; `show` writes a `FieldState` into both."""

    def __init__(self, factory: WidgetFactory, state: FieldState, on_entry: _OnEntry) -> None:
        self.key = state.key
        self._factory = factory
        self._on_entry = on_entry
        self._writing = False
        self.control = _control(factory, state)
        self.message: Any = None  # made when there is something to say
        self._css_class = f"ig-{state.key.replace('_', '-')}"
        # A class is what hides a field, and anywidget's view ignores changes of its classes: hence the box.
        boxed = isinstance(self.control, BaseWidget)
        self._box = factory.make(VBox, children=[self.control]) if boxed else self.control
        self._box.add_class("ig-field").add_class(self._css_class)
        self.control.observe(self._report, "value")
        self.show(state)

    def show(self, state: FieldState) -> None:
        """Write what differs, without reporting it as an entry."""
        self._writing = True
        try:
            for widget in self.widgets:
                set_visible(widget, state.visible)
            if state.visible:
                _SHOW[state.control](self.control, state)
            shows_problems = hasattr(self.control, "problem")
            self._show_message(_message(state, with_problems=not shows_problems))
        finally:
            self._writing = False

    def _show_message(self, html: str) -> None:
        if html and self.message is None:
            self.message = self._factory.make(HTML, f"{self._css_class}-message")
        if self.message is not None:
            update_traits(self.message, value=html)

    @property
    def widgets(self) -> list[Any]:
        """The field's widgets from top to bottom: the control, and the message if there ever was one."""
        return [self._box] if self.message is None else [self._box, self.message]

    def _report(self, change: dict[str, Any]) -> None:
        if not self._writing:
            value = change["new"]
            self._on_entry(self.key, None if value == "" else value)


def _control(factory: WidgetFactory, state: FieldState) -> Any:
    if state.control == "prompt":
        return PromptBox(label=state.label, layout=factory.layout)
    if state.control == "tiles":
        return TileChoice(legend=state.label, layout=factory.layout)
    if state.control == "integer":
        return factory.make_labelled(BoundedIntText, state.label, min=state.minimum, max=state.maximum)
    return factory.make_labelled(Text if state.control == "text" else Dropdown, state.label)


def _show_text(control: Any, state: FieldState) -> None:
    update_traits(control, value=state.value or "")


def _show_prompt(control: Any, state: FieldState) -> None:
    update_traits(control, value=state.value or "", problem=" ".join(state.problems))


def _show_tiles(control: Any, state: FieldState) -> None:
    update_traits(
        control,
        legend=state.label,
        custom=state.custom,
        options=[asdict(option) for option in state.options],
        value=state.value or "",
        problem=" ".join(state.problems),
    )


def _show_choice(control: Any, state: FieldState) -> None:
    # A dropdown cannot disable one option, so an impossible one is left out; the hint below gives the reason.
    options = [(option.label, option.value) for option in state.options if not option.disabled]
    if list(control.options) != options:
        control.options = options
    update_traits(control, value=state.value, disabled=not state.enabled)


def _show_integer(control: Any, state: FieldState) -> None:
    if state.maximum:
        # ipywidgets refuses a minimum above the present maximum, so the maximum is widened first.
        control.set_trait("max", max(state.maximum, control.min))
        control.set_trait("min", state.minimum)
        control.set_trait("max", state.maximum)
    update_traits(control, value=state.value, disabled=not state.enabled)


_SHOW: dict[str, Callable[[Any, FieldState], None]] = {
    "choice": _show_choice,
    "integer": _show_integer,
    "model": _show_choice,
    "prompt": _show_prompt,
    "text": _show_text,
    "tiles": _show_tiles,
}


def _message(state: FieldState, *, with_problems: bool) -> str:
    problems = state.problems if with_problems else ()
    lines = [f'<div class="ig-problem">{escape(problem)}</div>' for problem in problems]
    if state.hint:
        lines.append(f'<div class="ig-hint">{escape(state.hint)}</div>')
    return "".join(lines)
