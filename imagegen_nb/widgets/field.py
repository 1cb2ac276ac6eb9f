"""The fields of the form: a control for each kind of setting, and what they report.

Data goes one way: a control reports what was entered, the form changes its draft, and every control is
written anew from the draft's state. While a control is written, it reports nothing. The widgets are made once
and stay, so that nothing is redrawn while somebody types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from itertools import groupby
from typing import Any

import ipywidgets

from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.edits import Writing
from imagegen_nb.widgets.factory import update_traits
from imagegen_nb.widgets.field_group import FieldGroup
from imagegen_nb.widgets.form_state import FieldState
from imagegen_nb.widgets.parts import Control
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

_OnEntry = Callable[[str, Any], None]
"""Called with a setting's key and what was entered; None for nothing."""
_PLAIN = {"text": "text", "choice": "choice", "model": "choice", "integer": "integer"}
"""The kinds of control that are drawn in a group."""


class Field:
    """One setting's control; `show` writes a `FieldState` into it."""

    def __init__(self, key: str, control: Any, on_entry: _OnEntry) -> None:
        self.key = key
        self.control = control
        self._on_entry = on_entry
        self._writing = Writing()
        control.observe(self._report, "value")

    def show(self, state: FieldState) -> None:
        """Write what differs, without reporting it as an entry."""
        with self._writing.here():
            update_traits(self.control, **_traits(self.control, state))

    def _report(self, change: dict[str, Any]) -> None:
        if not self._writing.is_here:
            value = change["new"]
            self._on_entry(self.key, None if value == "" else value)


class Fields(Mapping[str, Field]):
    """All fields by key. `widgets` are what draws them from top to bottom, by the key of the first field:
    plain fields that follow one another share one."""

    def __init__(
        self, states: Mapping[str, FieldState], layout: ipywidgets.Layout, on_entry: _OnEntry
    ) -> None:
        self._fields: dict[str, Field] = {}
        self.widgets: dict[str, BaseWidget] = {}
        for plain, members in groupby(states.values(), lambda state: state.control in _PLAIN):
            group = {state.key: _control(state, layout) for state in members}
            widgets = {next(iter(group)): FieldGroup(group, layout=layout)} if plain else group
            self.widgets |= widgets
            self._fields |= {key: Field(key, control, on_entry) for key, control in group.items()}
        self.show(states)

    @property
    def groups(self) -> list[FieldGroup]:
        """The widgets that draw plain fields."""
        return [widget for widget in self.widgets.values() if isinstance(widget, FieldGroup)]

    def show(self, states: Mapping[str, FieldState]) -> None:
        """Write what differs; what a widget has to draw anew is one message."""
        with ExitStack() as held:
            for group in self.groups:
                held.enter_context(group.hold())
            for key, state in states.items():
                self._fields[key].show(state)

    def __getitem__(self, key: str) -> Field:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def _control(state: FieldState, layout: ipywidgets.Layout) -> Any:
    css_class = f"ig-{state.key.replace('_', '-')}"
    if state.control == "prompt":
        return PromptBox(classes=f"ig-field {css_class}", layout=layout)
    if state.control == "tiles":
        return TileChoice(classes=f"ig-field {css_class}", layout=layout)
    return Control(kind=_PLAIN[state.control])


def _traits(control: Any, state: FieldState) -> dict[str, Any]:
    """What the control is to show, in its own traits."""
    if not state.visible:
        return {"visible": False}
    # What the note says of a choice, the hint would say again.
    hint = "" if state.note and state.enabled and state.options and state.key != "model" else state.hint
    traits: dict[str, Any] = {
        "visible": True,
        "disabled": not state.enabled,
        "problem": " ".join(state.problems),
        "fixes": [asdict(fix) for fix in state.fixes],
        "lines": {"help": state.help, "hint": hint, "note": state.note},
    }
    match control:
        case PromptBox():
            return traits | {"label": state.label, "value": state.value or ""}
        case TileChoice():
            options = [_tile(option) for option in asdict(state)["options"]]
            shown = {
                "legend": state.label,
                "custom": state.custom,
                "limits": state.limits,
                "options": options,
            }
            return traits | shown | {"value": str(state.value or "")}
        case _:
            shown = {"label": state.label, "options": [asdict(option) for option in state.options]}
            shown |= {"minimum": state.minimum, "maximum": state.maximum}
            return traits | shown | {"value": "" if state.value is None else state.value}


def _tile(option: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in option.items() if name != "group"}
