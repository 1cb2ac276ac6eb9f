"""Notebooks executed in a kernel of their own: what is filled in, and what is said of a failure."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from support.notebooks import notebook

from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.execute import execute, parse, text_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_outputs_are_filled_in_up_to_the_cell_that_fails(project):
    path = notebook(
        project,
        "import os; print(os.environ['OF_THE_TEST'], os.getcwd())",
        "import ipywidgets; ipywidgets.IntSlider()",
        "1 / 0",
        "print('never')",
    )
    document = parse(path.read_text())
    problem = execute(document, project, environment={"OF_THE_TEST": "told"})
    assert problem == "ZeroDivisionError: division by zero"
    assert document.cells[0].outputs[0].text == f"told {project}\n"
    assert "application/vnd.jupyter.widget-view+json" not in document.cells[1].outputs[0].data
    assert "widgets" not in document.metadata
    assert document.cells[3].outputs == []
    assert parse(text_of(document)) == document
    assert text_of(document).endswith("}\n")


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_an_ignored_signal_stays_ignored_and_no_handler_is_left(project):
    path = notebook(
        project, "import os, signal, time; os.kill(int(os.environ['TOLD']), signal.SIGINT); time.sleep(1)"
    )
    handler, descriptor = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.set_wakeup_fd(-1)
    try:
        assert execute(parse(path.read_text()), project, environment={"TOLD": str(os.getpid())}) == ""
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.set_wakeup_fd(-1) == -1, "a handler was left in the loop"
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.set_wakeup_fd(descriptor)


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_what_was_printed_in_a_row_is_one_output(project):
    pieces = """
import sys
for word in "one", "two":
    for piece in (word, chr(10)):
        print(piece, end="")
        sys.stdout.flush()
    display(word)
"""
    document = parse(notebook(project, pieces).read_text())
    assert execute(document, project) == ""
    texts = [output.get("text") or output.data["text/plain"] for output in document.cells[0].outputs]
    assert texts == ["one\n", "'one'", "two\n", "'two'"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}'])
def test_what_is_no_notebook_is_named(text):
    with pytest.raises(InvalidOption, match="this is not a notebook"):
        parse(text)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    with pytest.raises(
        InvalidOption, match=r"pip install 'imagegen-nb\[notebook\] @ git\+https://git\.example/a\.git'"
    ):
        parse("{}")
