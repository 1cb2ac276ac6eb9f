"""The notebooks of this project, as they are, against their cassettes: what they show is what a replay shows.

That they work on the emulator itself, with loops and connections of their own, is tested by `test_demo`.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from support.notebook_diff import differences
from support.project import CASSETTES, NOTEBOOKS, calls, generator, tree

from imagegen_nb.notebooks.execute import execute, parse
from imagegen_nb.replay import environment

ALL_PLAYED = "assert ig.replay.status().unplayed == (), ig.replay.status()"

pytestmark = [
    pytest.mark.replay,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook
def test_a_replay_shows_what_is_committed_and_plays_every_call(path: Path, tmp_path: Path) -> None:
    committed, again = (parse(path.read_text(encoding="utf-8")) for _ in range(2))
    again.cells.append(nbformat.v4.new_code_cell(ALL_PLAYED))
    told = environment.environment_for(CASSETTES / path.stem, mode="none")
    assert execute(again, tmp_path, environment=told) == ""
    del again.cells[-1]
    assert differences(committed, again) == []


@each_notebook
def test_recording_anew_gives_the_same_but_for_the_date(path: Path, tmp_path: Path) -> None:
    """Also in a folder of another name, as on another machine."""
    generate = generator()
    first = generate.recorded(path, tmp_path / "a")
    second = generate.recorded(path, tmp_path / "a-folder-with-a-much-longer-name-than-the-first")
    assert tree(first.folder) == tree(second.folder)
    assert first.notebook.read_bytes() == second.notebook.read_bytes()
    assert calls(CASSETTES / path.stem) == calls(first.folder)
    committed, fresh = (parse(each.read_text(encoding="utf-8")) for each in (path, first.notebook))
    assert differences(committed, fresh) == []
