"""Outputs of two runs of a notebook, compared as a reader would."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support.notebook_diff import differences

HELLO = new_output("stream", name="stdout", text="hello\n")


def shown(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell("1"), new_code_cell("2", outputs=list(outputs))])


def display(**data: str) -> nbformat.NotebookNode:
    return new_output("display_data", data={name.replace("_", "/"): value for name, value in data.items()})


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ([], []),
        ([HELLO], [HELLO]),
        ([new_output("stream", name="stdout", text="he"), new_output("stream", text="llo\n")], [HELLO]),
        ([new_output("stream", name="stderr", text="a warning")], []),
        ([display(text_plain="a", text_html="<b>1</b>")], [display(text_plain="a", text_html="<b>2</b>")]),
        ([HELLO, display(text_plain="a")], [display(text_plain="a"), HELLO]),
    ],
    ids=["nothing", "the same", "printed in pieces", "standard error", "HTML", "printed before or after"],
)
def test_what_a_reader_sees_alike_is_no_difference(recorded, replayed):
    assert differences(shown(*recorded), shown(*replayed)) == []


@pytest.mark.parametrize(
    ("recorded", "replayed", "line"),
    [
        ([HELLO], [], r"cell 2: recorded 'hello\n', replayed nothing"),
        ([], [HELLO], r"cell 2: recorded nothing, replayed 'hello\n'"),
        ([display(text_plain="a")], [display(text_plain="b")], "cell 2: recorded 'a', replayed 'b'"),
        (
            [new_output("error", ename="ValueError", evalue="no")],
            [],
            "cell 2: recorded 'ValueError: no', replayed nothing",
        ),
    ],
)
def test_the_first_difference_of_a_cell_is_named(recorded, replayed, line):
    assert differences(shown(*recorded), shown(*replayed)) == [line]


def test_pictures_are_compared_and_long_texts_cut():
    (line,) = differences(shown(display(image_png="aGk=")), shown(display(image_png="aGo=")))
    assert line.count("image/png sha256 ") == 2
    (line,) = differences(shown(display(text_plain="a" * 1_000)), shown())
    assert len(line) < 150
