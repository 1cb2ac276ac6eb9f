"""A run's settings as people read them: the platform's labels, and the values that were used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen_nb.core.words import shortened
from imagegen_nb.providers import catalog
from imagegen_nb.runs.run import Run

_LONGEST_VALUE = 200
_ELSEWHERE = ("name", "prompt")
"""Settings that a page shows in places of their own."""


def labelled(run: Run) -> list[tuple[str, str]]:
    """Label and value of the model and of each setting that had an effect, then of the inputs that are text
    or numbers. A value that the model chose stands behind what was asked."""
    step, used = run.step, run.output.settings.model_dump()
    labels, asked = type(step).labels(), _asked(run)
    if (entry := catalog.find(step.model)) is not None:
        labels = {**labels, **(entry.model.labels or {})}
        for key in entry.model.idle(asked):
            asked.pop(key, None)
    rows = [("Model", step.model)]
    for key, value in asked.items():
        answered = used.get(key)
        text = _text(value)
        if answered is not None and _text(answered) != text:
            text = f"{text} → {_text(answered)}"
        rows.append((labels[key], text))
    inputs = run.inputs.items()
    return rows + [(f"{{{{{name}}}}}", _text(value)) for name, value in inputs if _is_short(value)]


def _asked(run: Run) -> dict[str, Any]:
    """The values of the settings that the model takes, its defaults included."""
    step, kinds = run.step, type(run.step).kinds()
    entry = catalog.find(step.model)
    if entry is None:  # its provider was unregistered: what is set is known, the defaults are not
        values: Mapping[str, Any] = step.settings()
    else:
        keys = [key for key, kind in kinds.items() if kind is not None or key in entry.model.settings]
        values = {key: step.effective(key) for key in keys}
    hidden = (*_ELSEWHERE, "model")
    return {key: value for key, value in values.items() if key not in hidden and value is not None}


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _text(value: Any) -> str:
    return shortened(str(value), _LONGEST_VALUE)
