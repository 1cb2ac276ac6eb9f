"""The prompt field: a text area, and a picker that inserts a variable where the caret is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypedDict

import traitlets

from imagegen_nb.widgets.base import Live

_SAMPLE = 120
"""Characters of a sample value; the whole value has no business in a widget's state."""


class Variable(TypedDict, total=False):
    """What the picker offers; only `path` is needed. `sample` is shown under it, `type` beside it."""

    path: str
    group: Literal["Inputs", "Workflow Steps"]
    state: Literal["predicted", "confirmed", "missing", ""]
    type: str
    sample: str


class PromptBox(Live):
    """A labelled text area with an **Insert Variable** button.

    Traits: `value`, the text, a moment after it was typed and at once when the field is left; `label`;
    `variables`, a list of `Variable`; `problem`, shown under the field (empty: nothing is wrong);
    `rows`; `disabled`. The picker is grouped, filtered by typing, and inserts `{{path}}` at the caret.
    """

    scripts = ("dom.js", "prompt.js")
    styles = ("base.css", "prompt.css")

    # Not echoed: an echo that comes back while keys are typed would only be older than the field.
    value = traitlets.Unicode().tag(sync=True, echo_update=False)
    label = traitlets.Unicode("Prompt").tag(sync=True)
    variables: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(page=True)
    problem = traitlets.Unicode().tag(sync=True)
    rows = traitlets.Int(4, min=1, max=40).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    _groups: ClassVar = ("Inputs", "Workflow Steps")
    _states: ClassVar = ("predicted", "confirmed", "missing", "")

    @traitlets.validate("variables")
    def _complete(self, proposal: Mapping[str, Any]) -> list[dict[str, str]]:
        return [self._variable(given) for given in proposal["value"]]

    def _variable(self, given: Mapping[str, Any]) -> dict[str, str]:
        known = {key: str(given.get(key) or "") for key in Variable.__annotations__}
        known["group"] = known["group"] or "Inputs"
        if not known["path"] or known["group"] not in self._groups or known["state"] not in self._states:
            raise traitlets.TraitError(
                f"a variable needs a path, a group of {self._groups}, a state of {self._states}; got {given}"
            )
        if len(known["sample"]) > _SAMPLE:
            known["sample"] = f"{known['sample'][: _SAMPLE - 1]}…"
        return known

    def __repr__(self) -> str:
        return f"{self.label} field of {len(self.value)} characters (run this cell to see it live)"
