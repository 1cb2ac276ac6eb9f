"""The forms of this kernel by the name of their step, so that each can offer the runs of the others.

Forms are referred to weakly: one that nobody holds is forgotten, and its images with it. Beside them only the
names are kept that forms got by their cells.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Iterator
from itertools import count
from typing import Any, Protocol

from IPython.core.getipython import get_ipython

from imagegen_nb.runs import recent_runs
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep


class NotebookStep(Protocol):
    """A form, as the others see it."""

    identifier: str

    @property
    def run_result(self) -> Run | None:
        """The run that later steps refer to."""
        ...

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that have ended, oldest first."""
        ...

    @property
    def step(self) -> ImageGenerationStep | None:
        """The step, None while it has problems."""
        ...

    def other_run_changed(self) -> None:
        """Called when another form has a new run, perhaps on another thread."""
        ...


_lock = threading.RLock()
_forms: list[weakref.ref[Any]] = []
"""All forms that are alive, the newest last."""
_names: dict[tuple[str, int], str] = {}
"""The names given to forms without one: by their cell, and their number in it."""
_executions: dict[str, tuple[str, int]] = {}
"""The last execution of each cell, and how many names it has asked for."""


def enter(form: NotebookStep) -> None:
    """Let other forms see `form`. Of forms with the same name the newest that has a run counts."""
    with _lock:
        _forms[:] = [reference for reference in _forms if reference() is not None]
        _forms.append(weakref.ref(form))


def leave(form: NotebookStep) -> None:
    """Forget a form that is closed."""
    with _lock:
        _forms[:] = [reference for reference in _forms if reference() not in (None, form)]


def others(form: NotebookStep) -> dict[str, NotebookStep]:
    """The other steps by name, each as the form whose run counts."""
    found: dict[str, NotebookStep] = {}
    for other in _alive():
        if other.identifier == form.identifier:
            continue
        known = found.get(other.identifier)
        if other.run_result is not None or known is None or known.run_result is None:
            found[other.identifier] = other
    return found


def runs_of_others(form: NotebookStep) -> list[Run]:
    """The runs of all other forms, and the last ones made by code, in the order they began."""
    found = (run for other in _alive() if other is not form for run in (*other.runs, other.run_result))
    own = {run.id for run in form.runs}
    runs = {run.id: run for run in (*recent_runs.recent(), *found) if run is not None and run.id not in own}
    return sorted(runs.values(), key=lambda run: run.started_at)


def tell_others(form: NotebookStep) -> None:
    """Say that `form` has a new run."""
    for other in _alive():
        if other is not form:
            other.other_run_changed()


def free_name(taken: Collection[str]) -> str:
    """A name for the step of a form that was given none: `step_1`, or the first that no input has.

    In a notebook no other cell's form has it, and the same cell gives the same name when it is run again.
    """
    cell, execution = _running_cell()
    if not cell:
        return next(name for name in _numbered() if name not in taken)
    with _lock:
        last, number = _executions.get(cell, ("", 0))
        number = number + 1 if last == execution else 1
        _executions[cell] = (execution, number)
        place = (cell, number)
        if _names.get(place) is None or _names[place] in taken:
            used = {*taken, *(name for other, name in _names.items() if other != place)}
            used |= {form.identifier for form in _alive() if form.identifier not in _names.values()}
            _names[place] = next(name for name in _numbered() if name not in used)
        return _names[place]


def _numbered() -> Iterator[str]:
    return (f"step_{number}" for number in count(1))


def _alive() -> list[NotebookStep]:
    with _lock:
        return [form for reference in _forms if (form := reference()) is not None]


def _running_cell() -> tuple[str, str]:
    """The notebook's id of the cell that is running, and this execution's; both empty outside a notebook."""
    get_parent = getattr(get_ipython(), "get_parent", None)
    parent = get_parent() if get_parent else {}
    cell = parent.get("metadata", {}).get("cellId") if parent else None
    return (str(cell), str(parent["header"]["msg_id"])) if cell else ("", "")
