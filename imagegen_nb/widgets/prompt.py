"""The prompt field: a text area with a picker that inserts a variable at the caret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypedDict

import traitlets

from imagegen_nb.widgets.base import BaseWidget

_LONGEST_SAMPLE = 120  # characters of a sample value


class Variable(TypedDict, total=False):
    """What the picker offers; only `path` is needed. `sample` is shown under it, `type` beside it."""

    path: str
    group: Literal["Inputs", "Workflow Steps"]
    state: Literal["predicted", "confirmed", "missing", ""]
    type: str
    sample: str


class PromptBox(BaseWidget):
    """A labelled text area with an **Insert Variable** button.

    Traits: `value`, the text, a moment after it was typed and at once when the field is left; `label`;
    `variables`, a list of `Variable`; `problem`, shown under the field (empty: nothing is wrong), as are
    `lines` (`help`, `hint`, `note`); `rows`; `disabled`. The picker is grouped, filtered by typing, and
    inserts `{{path}}` at the caret. A text that code sets can be undone in the field, as if it had been
    typed.
    """

    scripts = ("shared.js", "prompt.js")
    styles = ("base.css", "prompt.css")

    # Without echo: an echo that arrives while somebody types would be older than the field's text.
    value = traitlets.Unicode().tag(sync=True, echo_update=False)
    label = traitlets.Unicode("Prompt").tag(sync=True)
    variables: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(unsaved=True)
    problem = traitlets.Unicode().tag(unsaved=True)
    lines: traitlets.Dict[str, str] = traitlets.Dict().tag(unsaved=True)
    visible = traitlets.Bool(True).tag(unsaved=True)
    rows = traitlets.Int(4, min=1, max=40).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    _groups: ClassVar = ("Inputs", "Workflow Steps")
    _states: ClassVar = ("predicted", "confirmed", "missing", "")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "entry", "value": str(value)}:
                self.set_state({"value": value})  # which sends it back to nobody

    @traitlets.validate("variables")
    def _complete(self, proposal: Mapping[str, Any]) -> list[dict[str, str]]:
        return [self._variable(variable) for variable in proposal["value"]]

    def _variable(self, variable: Mapping[str, Any]) -> dict[str, str]:
        """The variable with every key, as the script reads it."""
        complete = {key: str(variable.get(key) or "") for key in Variable.__annotations__}
        complete["group"] = complete["group"] or "Inputs"
        grouped = complete["group"] in self._groups and complete["state"] in self._states
        if not complete["path"] or not grouped:
            raise traitlets.TraitError(
                f"a variable needs a path, a group of {self._groups}, a state of {self._states}; "
                f"got {variable}"
            )
        if len(complete["sample"]) > _LONGEST_SAMPLE:
            complete["sample"] = f"{complete['sample'][: _LONGEST_SAMPLE - 1]}…"
        return complete

    def __repr__(self) -> str:
        return f"{self.label} field of {len(self.value)} characters (run this cell to see it live)"
