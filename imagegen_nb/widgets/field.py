"""One field of the form: the control for its kind, and the line below it that says what is wrong.

Entries go one way: a control reports them, the form changes its draft, and every control is told
what to show. While it is told, a control reports nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ipywidgets import HTML, BoundedIntText, Dropdown, Text, VBox

from imagegen_nb.widgets.assign import assign
from imagegen_nb.widgets.base import Live
from imagegen_nb.widgets.factory import Kit, reveal
from imagegen_nb.widgets.form_state import FieldView
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

Entered = Callable[[str, Any], None]
"""Called with a field's key and what was entered; None for nothing."""


class Field:
    """A control with its message line; `show` makes it look like a `FieldView`."""

    def __init__(self, kit: Kit, view: FieldView, entered: Entered) -> None:
        self.key = view.key
        self._kit = kit
        self._entered = entered
        self._showing = False
        self.control = _control(kit, view)
        self.message: Any = None  # made when there is something to say
        self.name = f"ig-{view.key.replace('_', '-')}"
        # anywidget's view does not follow when classes change, and a class is what hides a field.
        boxed = isinstance(self.control, Live)
        self._shown = kit.make(VBox, children=[self.control]) if boxed else self.control
        self._shown.add_class("ig-field").add_class(self.name)
        self.control.observe(self._report, "value")
        self.show(view)

    def show(self, view: FieldView) -> None:
        """Write what differs, without reporting it as an entry."""
        self._showing = True
        try:
            for widget in self.widgets:
                reveal(widget, view.visible)
            if view.visible:
                _SHOW[view.control](self.control, view)
            own_line = hasattr(self.control, "problem")
            self._tell(_message(view, with_problems=not own_line))
        finally:
            self._showing = False

    def _tell(self, html: str) -> None:
        if html and self.message is None:
            self.message = self._kit.make(HTML, f"{self.name}-message")
        if self.message is not None:
            assign(self.message, value=html)

    @property
    def widgets(self) -> list[Any]:
        """What stands in the form: the control, and the message below it if there ever was one."""
        return [self._shown] if self.message is None else [self._shown, self.message]

    def _report(self, change: dict[str, Any]) -> None:
        if not self._showing:
            value = change["new"]
            self._entered(self.key, None if value == "" else value)


def _control(kit: Kit, view: FieldView) -> Any:
    if view.control == "prompt":
        return PromptBox(label=view.label, layout=kit.layout)
    if view.control == "tiles":
        return TileChoice(legend=view.label, layout=kit.layout)
    if view.control == "integer":
        return kit.entry(BoundedIntText, view.label, min=view.minimum, max=view.maximum)
    return kit.entry(Text if view.control == "text" else Dropdown, view.label)


def _show_text(control: Any, view: FieldView) -> None:
    assign(control, value=view.value or "")


def _show_prompt(control: Any, view: FieldView) -> None:
    assign(control, value=view.value or "")
    assign(control, problem=" ".join(view.problems))


def _show_tiles(control: Any, view: FieldView) -> None:
    options = [
        {
            "value": option.value,
            "label": option.label,
            "width": option.width,
            "height": option.height,
            "disabled": option.disabled,
            "hint": option.hint,
        }
        for option in view.options
    ]
    assign(control, legend=view.label)
    assign(control, custom=view.custom)
    assign(control, options=options)
    assign(control, value=view.value or "")
    assign(control, problem=" ".join(view.problems))


def _show_choice(control: Any, view: FieldView) -> None:
    # A dropdown cannot disable one option, so an impossible one is left out and its reason told below.
    options = [(option.label, option.value) for option in view.options if not option.disabled]
    if list(control.options) != options:
        control.options = options
    assign(control, value=view.value)
    assign(control, disabled=not view.enabled)


def _show_integer(control: Any, view: FieldView) -> None:
    if view.maximum:
        control.set_trait("max", max(view.maximum, control.min))
        control.set_trait("min", view.minimum)
        control.set_trait("max", view.maximum)
    assign(control, value=view.value)
    assign(control, disabled=not view.enabled)


_SHOW: dict[str, Callable[[Any, FieldView], None]] = {
    "choice": _show_choice,
    "integer": _show_integer,
    "model": _show_choice,
    "prompt": _show_prompt,
    "text": _show_text,
    "tiles": _show_tiles,
}


def _message(view: FieldView, *, with_problems: bool) -> str:
    lines = [f'<div class="ig-problem">{escape(problem)}</div>' for problem in view.problems if with_problems]
    if view.hint:
        lines.append(f'<div class="ig-hint">{escape(view.hint)}</div>')
    return "".join(lines)
