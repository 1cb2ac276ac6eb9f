"""What was given in a file's place: what there is near it, and what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen_nb.core import given_files
from imagegen_nb.core.given_files import is_folder, missing, other_kind, told_kind


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("hero.step.json", "card.step.json", "mugs.toml", "notes.txt", ".hidden.json"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_missing_file_is_told_with_the_nearest_there_is(folder: Path) -> None:
    assert missing(Path("heros.step.json"), (".json",)).endswith("; did you mean hero.step.json?")
    likely = "there is card.step.json, hero.step.json"
    assert missing(Path("a"), (".json",)) == f"there is no file a; in this folder {likely}"
    assert missing(folder / "a", (".json",)) == f"there is no file {folder / 'a'}; in {folder} {likely}"
    assert missing(Path("nowhere/hero.step.json"), (".json",)).endswith(": there is no folder nowhere")
    assert missing(Path("empty/a"), (".json",)) == "there is no file empty/a"


def test_a_folder_is_known_by_the_names_in_it(folder: Path) -> None:
    for name in ("cassettes/hero/cassette.yaml", "my store/index.sqlite3", "pictures/a.JPG", "other/a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert told_kind(Path("empty")) == ", which is empty"
    assert told_kind(Path("cassettes")) == ", which is a folder of cassettes (imagegen-nb cassettes check)"
    assert told_kind(Path("cassettes/hero")) == ", which is a cassette (imagegen-nb cassettes check hero)"
    assert told_kind(Path("my store")) == ", which is a store (imagegen-nb store check 'my store')"
    assert told_kind(Path("pictures")) == ", which is a folder of pictures"
    assert told_kind(Path("other")) == told_kind(Path("nowhere")) == told_kind(Path("notes.txt")) == ""


def test_a_name_nearby_commands_no_terminal(folder: Path) -> None:
    (folder / "red\x1b[31m.toml").touch()
    assert "\x1b" not in missing(Path("red[31m.toml"), (".toml",))


def test_a_folder_is_told_with_a_file_in_it(folder: Path) -> None:
    assert is_folder(Path(), (".toml",)).endswith("is a folder: give a file in it, such as mugs.toml")
    assert is_folder(Path("empty"), (".toml",)) == "empty is a folder: give a file in it"


@pytest.mark.parametrize(
    ("data", "kind", "taken_by"),
    [
        (b" \n", "empty", ""),
        (b"\x89PNG\r\n\x1a\n", "an image (image/png)", ""),
        (b'{"cells": [], "nbformat": 4}', "a notebook", "imagegen-nb record"),
        (b'{"format": "imagegen-nb/workflow"}', "a workflow file", "imagegen-nb run"),
        (b'{\n "format": "imagegen-nb/step", "x"', "a step file", "imagegen-nb run"),
        (b"[1]", "JSON", ""),
        (b'["a", ', "JSON", ""),
        (b'[step\nprompt = "x"', "a sweep file", "imagegen-nb sweep"),
        (b'[stpe\nprompt = "x"', "", ""),
        (b"layout: 1\nrecordings:\n- a", "a cassette", "imagegen-nb cassettes check"),
        (b'step = "hero.step.json"\n', "a sweep file", "imagegen-nb sweep"),
        (b'[step]\nprompt = "x"\n', "a sweep file", "imagegen-nb sweep"),
        (b"a,b\n1,2\n", "", ""),
    ],
)
def test_what_a_file_is_is_told_by_what_stands_in_it(data: bytes, kind: str, taken_by: str) -> None:
    told, command = other_kind(data)
    assert told == kind
    assert command.startswith(taken_by)


def test_looking_for_what_a_file_is_takes_no_longer_for_empty_lines() -> None:
    assert other_kind(b"\n" * 3_000_000 + b"a,b") == ("", "")  # within hours, where each line reads all below


def test_a_path_is_told_from_here_on(folder: Path) -> None:
    assert given_files.near(folder / "hero.step.json") == Path("hero.step.json")
    assert given_files.near(Path("/elsewhere/a")) == Path("/elsewhere/a")
