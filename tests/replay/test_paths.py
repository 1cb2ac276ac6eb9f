"""Where a cassette is, by its name or by its notebook."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support.cassettes import write_cassette

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import cassette_file, paths


@pytest.mark.parametrize("name", ["", "../hero", "a/b", "/hero", ".hidden", "a b", "x" * 101])
def test_a_name_cannot_leave_the_folder(name):
    with pytest.raises(ReplayError, match="a name is letters, digits"):
        replay.use(name)


def test_the_nearest_cassettes_folder_above_is_taken(project, monkeypatch):
    monkeypatch.delenv(paths.VARIABLE, raising=False)
    inner = project / "notebooks" / "drafts"
    inner.mkdir(parents=True)
    assert paths.home(inner) == project / "cassettes"
    (project / "notebooks" / "cassettes").mkdir()
    assert paths.home(inner) == project / "notebooks" / "cassettes"
    assert paths.of_notebook(inner / "My demo.ipynb") == project / "notebooks" / "cassettes" / "my-demo"
    for folder in (project / "notebooks" / "cassettes", project / "cassettes"):
        folder.rmdir()
    assert paths.home(inner) == inner / "cassettes"  # where it would be made


@pytest.mark.parametrize("name", ["hero", "Übung", "日本語", "हिन्दी", "2.x_y-z", "e\u0301t\u00e9"])
def test_names_of_all_scripts_are_names(name, project):
    assert paths.folder_of(name).parent == project / "cassettes"
    assert paths.folder_of("e\u0301te\u0301") == paths.folder_of("\u00e9t\u00e9"), "composed or not"


def recorded(folder: Path, notebook: str) -> Path:
    about = cassette_file.About(against="emulator", recorded_on="", versions={}, notebook=notebook)
    write_cassette(folder, about, [])
    return folder


MEETING = [
    ("products/hero", "blog/hero"),
    ("Hero shot", "hero-shot"),
    ("Übung!", "übung"),
    ("!!!", "???"),
    ("x" * 60 + "-one", "x" * 60 + "-two"),
    ("日本語", "a/日本語"),
]


@pytest.mark.parametrize(("first", "second"), MEETING, ids=lambda name: ascii(name[:20]))
def test_no_recording_replaces_that_of_another_notebook(first, second, project):
    notebooks = [project / f"{name}.ipynb" for name in (first, second)]
    for path in notebooks:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    folders = [recorded(paths.to_record(path), paths.name_in_project(path)) for path in notebooks]
    assert folders[0] != folders[1]
    assert [folder.parent for folder in folders] == [project / "cassettes"] * 2
    for _ in range(2):  # also when they are recorded again
        assert [paths.of_notebook(path) for path in notebooks] == folders
        assert [paths.to_record(path) for path in notebooks] == folders
    copied = Path(shutil.copytree(project, project.with_name(f"{project.name} copied")))
    there = [copied / path.relative_to(project) for path in notebooks]
    assert [paths.of_notebook(path).name for path in there] == [folder.name for folder in folders]


def test_a_notebook_that_was_moved_or_copied_keeps_the_cassette(project):
    folder = recorded(project / "cassettes/hero", "old/hero.ipynb")
    moved = project / "new" / "hero.ipynb"
    moved.parent.mkdir()
    moved.write_text("{}")
    assert paths.of_notebook(moved) == paths.to_record(moved) == folder
    (project / "old").mkdir()
    shutil.copy(moved, project / "old/hero.ipynb")
    assert paths.of_notebook(moved) == folder, "a copy replays what its original recorded"
    assert paths.to_record(moved) != folder, "and records its own"


def test_no_folder_of_this_machine_is_part_of_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "ci/cassettes"))
    assert paths.name_in_project(tmp_path / "docs/hero.ipynb") == "../docs/hero.ipynb"
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "a/b/c/d/e/cassettes"))
    name = paths.name_in_project(tmp_path / "docs/hero.ipynb")
    assert re.fullmatch(r"elsewhere-[0-9a-f]{8}/docs/hero\.ipynb", name)


def test_notebooks_far_from_a_shared_folder_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "shared/x/y/z/cassettes"))
    notebooks = [tmp_path / each / "nb/hero.ipynb" for each in ("pa", "pb")]
    for path in notebooks:
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    folders = [recorded(paths.to_record(path), paths.name_in_project(path)) for path in notebooks]
    assert folders[0] != folders[1]
    for _ in range(2):
        assert [paths.of_notebook(path) for path in notebooks] == folders
        assert [paths.to_record(path) for path in notebooks] == folders
    assert paths.owner_of(folders[0], notebooks[1])


def test_what_a_program_recorded_is_not_a_notebooks_to_replace(project):
    folder = recorded(project / "cassettes/hero", "")
    notebook = project / "hero.ipynb"
    assert paths.of_notebook(notebook) == folder
    assert paths.owner_of(folder, notebook)
    own = recorded(paths.to_record(notebook), "hero.ipynb")
    assert own != folder
    assert paths.of_notebook(notebook) == paths.to_record(notebook) == own


@pytest.mark.parametrize(
    ("text", "replays"),
    [
        ('{"cells": [{"outputs": [{}]}]}', True),
        ('{"cells": [{"execution_count": 1}]}', True),
        ('{"cells": [{"outputs": []}]}', False),
        ('{"cells": 3}', False),
        ("", False),
    ],
)
def test_a_moved_notebook_still_replays_what_it_recorded(text, replays, project):
    folder = recorded(project / "cassettes/hero", "products/hero.ipynb")
    here, moved, checkpoint = (
        project / f"{name}.ipynb" for name in ("products/hero", "blog/hero", ".ipynb_checkpoints/hero")
    )
    for path in (here, moved, checkpoint):
        path.parent.mkdir()
        path.write_text(text)
    assert paths.replayed_by(folder, here) == ("blog/hero.ipynb" if replays else "")
    recorded(paths.to_record(moved), "blog/hero.ipynb")
    assert paths.replayed_by(folder, here) == ""


@pytest.mark.parametrize("text", ["", "layout: [", "metadata: {notebook: 3}", "metadata: 3", "\0"])
def test_a_damaged_file_names_no_notebook(text, project):
    (project / "cassettes/hero").mkdir()
    (project / "cassettes/hero/cassette.yaml").write_text(text)
    assert cassette_file.notebook_of(project / "cassettes/hero") == ""


def test_of_damaged_metadata_the_line_tells_the_notebook(project):
    (project / "cassettes/hero").mkdir()
    file = project / "cassettes/hero/cassette.yaml"
    file.write_text(
        "layout: 1\nmetadata:\n<<<<<<< HEAD\n  notebook: 'a b.ipynb'\n=======\n  notebook: [\n>>>>>>> x\n"
    )
    assert cassette_file.notebook_of(file.parent) == "a b.ipynb"
    file.write_text("layout: [\n  notebook: [\n")
    assert cassette_file.notebook_of(file.parent) == ""
    file.write_text("layout: 1\nrecordings:\n  notebook: a.ipynb\n[")
    assert cassette_file.notebook_of(file.parent) == ""


def test_the_environment_names_another(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "elsewhere"))
    assert paths.folder_of("hero", tmp_path) == tmp_path / "elsewhere" / "hero"
