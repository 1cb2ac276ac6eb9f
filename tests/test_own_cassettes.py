"""This project's own cassettes: small, whole, without keys, of the emulator, and none without a use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.contract import RECORDED
from support.project import CASSETTES, CONTRACT, NOTEBOOKS, ROOT

from imagegen_nb.cli import main
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.replay import cassette_file, paths
from imagegen_nb.replay.folder_writer import FolderWriter

MOST = 5_000_000
"""Bytes of all of them: everybody who clones the project fetches them."""
FOLDERS = sorted(file.parent for file in CASSETTES.rglob(CASSETTE_FILE))


def test_each_is_used_and_none_is_missing():
    used = [CASSETTES / path.stem for path in NOTEBOOKS] + [CONTRACT / name for name in RECORDED]
    assert sorted(used) == FOLDERS


def test_they_are_small():
    files = [path for path in CASSETTES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_each_says_that_the_emulator_made_it_and_holds_nothing_else(folder: Path):
    about, recordings = cassette_file.read(folder)
    assert about.against == "emulator"
    assert recordings
    assert cassette_file.orphans(folder) == []
    text = (folder / CASSETTE_FILE).read_text(encoding="utf-8")
    assert "127.0.0.1" not in text
    assert str(ROOT) not in text
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("blobs/")} == {CASSETTE_FILE, ".gitattributes"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_saving_one_again_changes_no_byte(folder: Path, tmp_path: Path):
    about, recordings = cassette_file.read(folder)
    writer = FolderWriter(tmp_path / folder.name)
    for count in range(len(recordings) + 1):  # as it grows
        writer.write(about, recordings[:count])
    assert _contents(tmp_path / folder.name) == _contents(folder)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_command_finds_all_of_them_good(monkeypatch, capsys):
    monkeypatch.setenv(paths.VARIABLE, str(CASSETTES))
    monkeypatch.setattr("sys.argv", ["imagegen-nb", "cassettes", "check", "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    findings = json.loads(capsys.readouterr().out)
    names = [folder.relative_to(CASSETTES).as_posix() for folder in FOLDERS]
    assert [found["name"] for found in findings] == sorted(names)
    assert [found["problems"] for found in findings] == [[]] * len(FOLDERS)
