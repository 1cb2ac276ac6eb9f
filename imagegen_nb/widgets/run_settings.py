"""A run's settings as people read them: the platform's labels, and the values that were used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from imagegen_nb.core import variables
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import VariableError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import in_words
from imagegen_nb.runs.run import Run

_LONGEST_VALUE = 200
_ELSEWHERE = ("name", "prompt")
"""Settings that a page shows in places of their own."""


def labelled(run: Run) -> list[tuple[str, str]]:
    """Label and value of the model and of each setting that had an effect, then of the variables of its
    prompt. A value that the model chose stands behind what was asked."""
    step, used = run.step, run.output.settings.model_dump()
    labels, kinds, asked = type(step).labels(), dict(type(step).kinds()), _asked(run)
    if (entry := catalog.find(step.model)) is not None:
        labels = {**labels, **(entry.model.labels or {})}
        kinds |= entry.model.settings
        for key in entry.model.idle(asked):
            asked.pop(key, None)
    rows = [("Model", step.model)]
    for key, value in asked.items():
        values = [value] if used.get(key) in (None, value) else [value, used[key]]
        words = (shortened(in_words(each, kinds[key]), _LONGEST_VALUE) for each in values)
        rows.append((labels[key], " → ".join(words)))
    return rows + list(_variables(run))


def _variables(run: Run) -> Iterator[tuple[str, str]]:
    """The variables of the prompt, with what filled them."""
    for path in variables.paths(run.step.prompt):
        tag = f"{{{{{path}}}}}"
        with suppress(VariableError):  # of a record that somebody has edited
            yield tag, shortened(variables.render(tag, run.inputs), _LONGEST_VALUE)


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
