"""The forms of a kernel: who sees whom, what is forgotten, and names by cell."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import pytest

from imagegen_nb.runs import recent_runs
from imagegen_nb.widgets import notebook_steps


class Form:
    """As much of a form as the others see."""

    step = None

    def __init__(self, identifier: str, run: object = None) -> None:
        self.identifier, self.run_result, self.told = identifier, run, 0
        self.runs = (run,) if run else ()
        notebook_steps.enter(self)

    def other_run_changed(self) -> None:
        self.told += 1


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    for name, value in (("_forms", []), ("_names", {}), ("_executions", {})):
        monkeypatch.setattr(notebook_steps, name, value)


@pytest.fixture
def in_cell(monkeypatch):
    """`in_cell(cell, execution)`: what is made then is made there."""

    def enter(cell: str | None, execution: str = "1") -> None:
        parent = {"header": {"msg_id": execution}, "metadata": {"cellId": cell} if cell else {}}
        monkeypatch.setattr(notebook_steps, "get_ipython", lambda: SimpleNamespace(get_parent=lambda: parent))

    return enter


def test_a_form_sees_the_others_and_is_told_of_their_runs():
    one, two = Form("step_1"), Form("step_2", run="a run")
    assert notebook_steps.others(one) == {"step_2": two}
    assert notebook_steps.others(two) == {"step_1": one}
    notebook_steps.tell_others(one)
    assert (one.told, two.told) == (0, 1)
    notebook_steps.leave(two)
    assert notebook_steps.others(one) == {}


def test_of_the_same_name_the_newest_with_a_run_counts():
    first, second, third = Form("hero", run=1), Form("hero", run=2), Form("hero")
    looker = Form("other")
    assert notebook_steps.others(looker) == {"hero": second}
    assert notebook_steps.others(first) == {"other": looker}  # its own name means itself
    third.run_result = 3
    assert notebook_steps.others(looker) == {"hero": third}
    second.run_result = third.run_result = first.run_result = None
    assert notebook_steps.others(looker) == {"hero": third}


def test_a_form_that_nobody_holds_is_forgotten():
    looker, form = Form("looker"), Form("gone", run="with images")
    reference = weakref.ref(form)
    del form
    gc.collect()
    assert reference() is None
    assert notebook_steps.others(looker) == {}
    Form("another")
    assert len(notebook_steps._forms) <= 2


def test_outside_a_notebook_every_form_has_the_first_name_that_no_input_has():
    assert notebook_steps.free_name(()) == notebook_steps.free_name(()) == "step_1"
    assert notebook_steps.free_name({"step_1": 1, "step_2": 2, "x": 3}) == "step_3"


def test_each_cell_has_its_name_and_keeps_it(in_cell):
    in_cell("logo")
    assert notebook_steps.free_name(()) == "step_1"
    in_cell("hero")
    assert notebook_steps.free_name(()) == "step_2"
    assert notebook_steps.free_name(()) == "step_3"  # a second form in the same cell
    in_cell("logo", "2")
    assert notebook_steps.free_name(()) == "step_1"
    in_cell("hero", "3")
    assert [notebook_steps.free_name(()) for _ in range(2)] == ["step_2", "step_3"]
    in_cell(None)
    assert notebook_steps.free_name(()) == "step_1"


def test_names_that_are_in_use_are_left_out(in_cell):
    named = Form("step_1")
    in_cell("a")
    assert notebook_steps.free_name({"step_2": 1}) == "step_3"
    in_cell("a", "2")
    assert notebook_steps.free_name({"step_3": 1}) == "step_2"
    assert named.identifier == "step_1"


def test_the_runs_of_all_others_come_in_the_order_they_began():
    runs = [SimpleNamespace(id=str(number), started_at=f"2026-11-2{number}") for number in (3, 1, 2)]
    forms = [Form(f"step_{number}", run) for number, run in enumerate(runs)]
    forms[2].runs = (runs[2], runs[0])  # one run may be shown in two forms
    assert [run.id for run in notebook_steps.runs_of_others(forms[1])] == ["2", "3"]


def test_the_runs_of_code_are_among_them_and_a_form_s_own_are_not():
    own, by_code, shown = (SimpleNamespace(id=name, started_at=name) for name in ("1", "2", "3"))
    form, _ = Form("step_1", own), Form("step_2", shown)
    for run in (own, by_code, shown):
        recent_runs.remember(run)
    assert notebook_steps.runs_of_others(form) == [by_code, shown]
