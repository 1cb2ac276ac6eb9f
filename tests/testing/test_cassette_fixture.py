"""A cassette for a plain test, in a pytest of its own: recorded by the option, replayed without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagegen_nb.replay import cassette_file

pytestmark = pytest.mark.notebooks

TEST = """
import os, urllib.request
import pytest
import imagegen_nb as ig

STEP = ig.ImageGenerationStep(prompt="a lamp", image_size="1024x1024")

@pytest.fixture
def workspace(tmp_path):
    with ig.Workspace(tmp_path) as workspace:
        yield workspace

@pytest.mark.parametrize("word", ["lamp", "a b", "a-b"])
def test_picture(imagegen_cassette, workspace, word):
    assert STEP.replace(prompt=word).run(workspace=workspace).returned == 1

class TestMany:
    def test_calls(self, imagegen_cassette, workspace):
        STEP.run(workspace=workspace)
        if "FEWER" not in os.environ:
            STEP.replace(prompt="a fox").run(workspace=workspace)

def test_offline(imagegen_cassette, workspace):
    STEP.replace(prompt=os.environ.get("PROMPT", "a lamp")).run(workspace=workspace)
    if imagegen_cassette.replaying:
        assert os.environ["OPENAI_API_KEY"] == "emulator-needs-no-key"
        with pytest.raises(ig.ImagegenError, match="was stopped"):
            urllib.request.urlopen("http://127.0.0.1:9/")

def test_afterwards():
    assert os.environ["OPENAI_API_KEY"] != "emulator-needs-no-key"
    with pytest.raises(OSError):
        urllib.request.urlopen("http://127.0.0.1:9/")
"""
KEY = {"OPENAI_API_KEY": "sk-CanaryOne0a1b2c3d4e5f6g7h8i9j"}
NAMES = ["TestMany.test_calls", "test_offline", "test_picture-a-b", "test_picture-a-b-", "test_picture-lamp"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "cassettes").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_hero.py").write_text(TEST)
    return tmp_path


def test_it_records_by_the_option_and_replays_without(run_pytest, project):
    assert run_pytest(project, "--imagegen-record=emulator", **KEY).code == 0
    folders = sorted((project / "cassettes").iterdir())
    assert all(
        folder.name.startswith(f"test_hero.{name}") for folder, name in zip(folders, NAMES, strict=True)
    )
    assert [len(cassette_file.read(folder)[1]) for folder in folders] == [2, 1, 1, 1, 1]

    told = run_pytest(project, "-p", "no:nbval", "-p", "no:xdist", **KEY)
    assert (told.code, "6 passed" in told.text) == (0, True), told.text

    shutil.rmtree(folders[-1])
    told = run_pytest(project, "tests", PROMPT="a lump", FEWER="1", **KEY)
    assert (told.code, "2 failed, 3 passed, 1 error" in told.text) == (1, True), told.text
    assert told.text.count("prompt: recorded 'a lamp', asked 'a lump'") == 1
    assert "holds recordings that this test did not ask for:\n  POST https://api.openai.com" in told.text
    assert "there is no cassette 'test_hero.test_picture-lamp' to replay" in told.text
    assert "record: pytest 'tests/test_hero.py::test_picture[lamp]' --imagegen-record=emulator" in told.text
    assert "imagegen_nb/" not in told.text, "a trace ends in the test's own line"
    assert "site-packages" not in told.text
