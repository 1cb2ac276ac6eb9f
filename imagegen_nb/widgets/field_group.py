"""Plain fields of the form, drawn together: labels, controls, and the lines below them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from imagegen_nb.widgets import edits
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.held_updates import HeldUpdates
from imagegen_nb.widgets.parts import Control

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class FieldGroup(BaseWidget):
    """Fields in a grid of as many columns as there is room for, each a `Control` of `parts`.

    A change of a control is sent to the page as what differs; within `hold()` all changes are one message.
    What somebody enters is sent when they pause, becomes the control's value, and is answered with what
    became of it: so a page knows when an answer is older than its field.
    """

    scripts = ("shared.js", "entries.js", "field_group.js")
    styles = ("base.css", "field_group.css")

    def __init__(self, controls: Mapping[str, Control], **traits: Any) -> None:
        self._controls: dict[str, Control] = {}
        self._sent: dict[str, dict[str, Any]] = {}
        self._answers: list[str] = []  # keys of entries that a page waits to have answered
        self._updates = HeldUpdates(self._show_changes)
        super().__init__(**traits)
        self.on_msg(self._receive)
        for key, control in controls.items():
            self.add(key, control)

    def add(self, key: str, control: Control) -> None:
        """Draw another control, below the others."""
        self._controls[key] = control
        control.observe(self._show_changes)
        self._show_changes()

    def hold(self) -> AbstractContextManager[None]:
        """Send what changes in here as one message."""
        return self._updates.hold()

    def page_values(self) -> dict[str, Any]:
        """The fields as they are now."""
        with self._updates.lock:
            self._sent = {key: control.view() for key, control in self._controls.items()}
            return {"fields": dict(self._sent)}

    def _show_changes(self, _change: object = None) -> None:
        """Send what differs from what was sent; an answer has the value whether or not that differs."""
        with self._updates.lock:
            if self._updates.held or not self.opened:
                return
            now = {key: control.view() for key, control in self._controls.items()}
            changed = {key: _differing(view, self._sent.get(key, {})) for key, view in now.items()}
            for key in self._answers:
                changed[key]["value"] = now[key]["value"]
            self._sent, answers = now, self._answers
            self._answers = []
            if changed := {key: view for key, view in changed.items() if view}:
                self.send({"type": "fields", "fields": changed, "answers": answers})

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "entry", "key": str(key), "value": str() | bool() as value} if (
                key in self._controls
            ):
                control = self._controls[key]
                with edits.one_at_a_time, self.hold():
                    self._answers.append(key)
                    if _fits(control, value):
                        control.value = _meant(control, value)

    def __repr__(self) -> str:
        labels = ", ".join(control.label for control in self._controls.values())
        return f"Fields: {labels} (run this cell to see them live)"


def _differing(view: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view.items() if name not in before or before[name] != value} | {
        name: "" for name in before if name not in view
    }


def _fits(control: Control, value: str | bool) -> bool:
    """Whether a page can have meant this value."""
    if isinstance(value, bool) or control.kind == "check":
        return isinstance(value, bool) and control.kind == "check"
    if control.kind != "choice":
        return True
    return any(option["value"] == value and not option["disabled"] for option in control.options)


def _meant(control: Control, value: str | bool) -> Any:
    """The entry as a value; text that is not a whole number stays text, so that its problem can be told."""
    if control.kind == "integer" and isinstance(value, str):
        text = value.strip().replace("−", "-")
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
    return value
