"""The prompt field: a text area with a picker that inserts a variable at the caret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypedDict

import traitlets

from imagegen_nb.core.words import shortened
from imagegen_nb.widgets.base import EntryWidget

_LONGEST_SAMPLE = 120  # characters of a sample value


class Variable(TypedDict, total=False):
    """What the picker offers; only `path` is needed. `sample` is shown under it, `type` beside it."""

    path: str
    group: Literal["Inputs", "Workflow Steps"]
    state: Literal["predicted", "confirmed", "missing", ""]
    type: str
    sample: str


class PromptBox(EntryWidget):
    """A labelled text area with an **Insert Variable** button.

    Traits: `value`, the text, a moment after it was typed and at once when the field is left; `label`;
    `variables`, a list of `Variable`; `problem`, shown under the field (empty: nothing is wrong), as are
    `lines` (`help`, `hint`, `note`); `rows`; `disabled`. The picker is grouped, filtered by typing, and
    inserts `{{path}}` at the caret. A text that code sets can be undone in the field, as if it had been
    typed.
    """

    scripts = ("shared.js", "entries.js", "variable_options.js", "prompt.js")
    styles = ("base.css", "prompt.css")

    label = traitlets.Unicode("Prompt").tag(sync=True)
    variables: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(unsaved=True)
    rows = traitlets.Int(4, min=1, max=40).tag(sync=True)

    _groups: ClassVar = ("Inputs", "Workflow Steps")
    _states: ClassVar = ("predicted", "confirmed", "missing", "")

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
        complete["sample"] = shortened(complete["sample"], _LONGEST_SAMPLE)
        return complete

    def __repr__(self) -> str:
        return f"{self.label} field of {len(self.value)} characters (run this cell to see it live)"
