"""Edits from several threads: somebody types while code sets the step, or while fields are written anew."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

import imagegen_nb as ig
from imagegen_nb.widgets.edits import Writing

A_MOMENT = 0.3
"""Seconds that a thread gets to do what it must not do yet."""


@pytest.fixture
def form(tmp_path):
    form = ig.StepForm("a lamp", ig.Workspace(tmp_path / "store", backend="emulator"))
    yield form
    form.close()


@contextmanager
def held_at(widget, trait, value, meanwhile):
    """At the first change of the trait to this value, `meanwhile` goes on in a thread of its own, which gets
    a moment; it has ended when the context ends. Gives a list of whether it had to wait for the change."""
    waited = []
    thread = threading.Thread(target=meanwhile)

    def hold(change):
        if change["new"] == value and not thread.ident:
            thread.start()
            thread.join(A_MOMENT)
            waited.append(thread.is_alive())

    widget.observe(hold, trait)
    yield waited
    thread.join(10)
    assert thread.ident
    assert not thread.is_alive()


def entered(form, text):
    """Somebody types a prompt, as the page says it."""
    prompt = form.panel.fields["prompt"].control
    prompt._receive(prompt, {"type": "entry", "value": text, "entry": "1"}, None)


def shown(form):
    return form.panel.fields["prompt"].control.value, form.step.prompt, form._draft.state.step.prompt


def test_a_step_set_by_code_while_an_entry_is_taken_in_is_no_part_of_it(form):
    prompt = form.panel.fields["prompt"].control
    of_form, of_field = (form, "step", ig.ImageGenerationStep(prompt="typed")), (prompt, "value", "typed")
    for taken_in in (of_form, of_field):
        with held_at(*taken_in, lambda: setattr(form, "step", "by code")) as waited:
            entered(form, "typed")
        assert shown(form) == ("by code",) * 3
        # Two threads in one widget at a time is more than ipywidgets takes: a KeyError now and then.
        assert waited == [True]


def test_an_entry_while_code_sets_a_step_is_the_last_word(form):
    prompt = form.panel.fields["prompt"].control
    with held_at(prompt, "value", "by code", lambda: entered(form, "typed")) as waited:
        form.step = "by code"
    assert shown(form) == ("typed",) * 3
    assert waited == [True]


def test_an_entry_while_another_forms_run_has_the_field_written_is_taken(form):
    field = form.panel.fields["prompt"]
    with (
        held_at(field.control, "lines", {}, lambda: entered(form, "typed")),
        form._drawing,
        field._writing.here(),
    ):
        field.control.lines = {}
    assert shown(form) == ("typed",) * 3


def test_what_one_thread_writes_is_an_entry_on_every_other():
    writing, seen = Writing(), []
    with writing.here(), writing.here():
        thread = threading.Thread(target=lambda: seen.append(writing.is_here))
        thread.start()
        thread.join()
        seen.append(writing.is_here)
    assert [*seen, writing.is_here] == [False, True, False]


def test_forms_that_follow_each_other_are_edited_from_two_threads_without_waiting_for_ever(form):
    other = ig.StepForm("a lamp", form.workspace)
    for one, follower in ((form, other), (other, form)):
        one.observe(lambda change, to=follower: setattr(to, "step", change["new"]), "step")
    threads = [
        threading.Thread(target=lambda one=one, n=n: [one.enter("prompt", f"{n} {i}") for i in range(20)])
        for n, one in enumerate((form, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert form.step == other.step
    other.close()
