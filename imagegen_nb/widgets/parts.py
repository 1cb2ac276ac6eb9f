"""The light parts of a widget: buttons, lines and controls that have no model of their own in the page.

A model costs messages when a form opens and room in a saved notebook. So one widget draws many parts, and
code uses each as it would a widget: it can be read, set, observed and clicked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets


class Line(traitlets.HasTraits):
    """A line of plain text."""

    value = traitlets.Unicode()


class Toggle(traitlets.HasTraits):
    """Something that is on or off."""

    value = traitlets.Bool()


class Button(traitlets.HasTraits):
    """A button: one that is `disabled` can still have the focus, so that it never falls to the page."""

    label = traitlets.Unicode()
    disabled = traitlets.Bool(False)
    tooltip = traitlets.Unicode()

    def __init__(self, on_click: Callable[[], object], **traits: Any) -> None:
        self._on_click = on_click
        super().__init__(**traits)

    def click(self) -> None:
        """What a click does."""
        self._on_click()


class Progress(traitlets.HasTraits):
    """How much of something is there; nothing is known while `value` is 0."""

    value = traitlets.Int()
    max = traitlets.Int(1)


class Control(traitlets.HasTraits):
    """One setting's control within a `FieldGroup`. `kind` is `text`, `choice`, `integer` or `check`.

    `lines` are the texts below it: `help`, `hint`, `note`. `problem` says what is wrong with its value; of a
    `patient` text field it is only a hint until somebody has left the field. `fixes` are buttons below it,
    each a dict of its `label` and the `value` that it enters. Fields are drawn in the order of their `place`,
    of one place as they were added. An integer's `value` is the text as it was
    typed where that is not a whole number.
    """

    kind = traitlets.Enum(("text", "choice", "integer", "check"))
    value = traitlets.Any()
    label = traitlets.Unicode()
    lines: traitlets.Dict[str, str] = traitlets.Dict()
    problem = traitlets.Unicode()
    fixes: traitlets.List[Any] = traitlets.List()
    patient = traitlets.Bool(False)
    visible = traitlets.Bool(True)
    disabled = traitlets.Bool(False)
    options: traitlets.List[Any] = traitlets.List()
    place = traitlets.Int()
    minimum = traitlets.Int()
    maximum = traitlets.Int()

    def view(self) -> dict[str, Any]:
        """What the page draws."""
        names = (
            "kind",
            "label",
            "problem",
            "fixes",
            "patient",
            "visible",
            "disabled",
            "options",
            "place",
            "minimum",
            "maximum",
        )
        value = self.value if self.kind == "check" else "" if self.value is None else str(self.value)
        return {**{name: getattr(self, name) for name in names}, **self.lines, "value": value}
