"""Where a cassette is, by its name or by its notebook."""

from __future__ import annotations

import pytest

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import paths


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


def test_the_environment_names_another(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "elsewhere"))
    assert paths.folder_of("hero", tmp_path) == tmp_path / "elsewhere" / "hero"
