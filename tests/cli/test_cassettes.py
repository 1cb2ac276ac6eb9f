"""`imagegen-nb cassettes check`: what a merge left is named, and damaged images are."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cassettes import LAMP
from support.command_line import CommandLine

from imagegen_nb import Workspace, replay


@pytest.fixture
def hero(cli: CommandLine, workspace: Workspace, tmp_path: Path) -> Path:
    """A cassette with two calls; its folder."""
    (tmp_path / "cassettes").mkdir()
    with replay.use("hero", "all"):
        LAMP.run(workspace=workspace)
        LAMP.replace(prompt="a fox").run(workspace=workspace)
    return tmp_path / "cassettes/hero"


def problem(cli: CommandLine) -> str:
    """What `check` finds in the one cassette there is, in one line."""
    outcome = cli("cassettes", "check")
    assert outcome.code == 2
    assert "good" not in outcome.out
    return " ".join(outcome.err.split())


def test_two_prompts_that_a_merge_left(cli: CommandLine, hero: Path) -> None:
    file = hero / "cassette.yaml"
    assert cli("cassettes", "check").out == "good hero\n"
    text = file.read_text()
    line = next(line for line in text.splitlines(keepends=True) if "prompt: a lamp" in line)
    file.write_text(text.replace(line, line + line.replace("lamp", "cat")))
    number = text[: text.index(line)].count("\n") + 1
    told = f"'prompt' is there twice, on line {number} and on line {number + 1}"
    assert told in problem(cli)


@pytest.mark.parametrize("marker", ["<<<<<<< ours", "||||||| 1f2e3d4", "=======", ">>>>>>> theirs"])
def test_one_marker_that_a_merge_left(marker: str, cli: CommandLine, hero: Path) -> None:
    file = hero / "cassette.yaml"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:20], marker, *lines[20:]]))
    assert "it holds a merge conflict near line 21: take one side whole" in problem(cli)


def test_a_call_of_both_sides(cli: CommandLine, hero: Path) -> None:
    file = hero / "cassette.yaml"
    head, first, second = file.read_text().split("- request:\n")
    file.write_text(
        "- request:\n".join([head, first, second, second.replace("size: 1024x1024", "size: auto")])
    )
    assert cli("cassettes", "check").code == 0
    file.write_text("- request:\n".join([head, first, second, second.replace("status: 200", "status: 201")]))
    assert "recordings 2 and 3 are the same call 0 to gpt-image-2" in problem(cli)


@pytest.mark.parametrize("damage", ["missing", "empty", "pointer", "placeholder"])
def test_an_image_that_is_not_what_was_recorded(damage: str, cli: CommandLine, hero: Path) -> None:
    file, blob = hero / "cassette.yaml", next((hero / "blobs").iterdir())
    if damage == "missing":
        blob.unlink()
    elif damage == "placeholder":
        file.write_text(file.read_text().replace(blob.name, blob.name[1:]))
    else:
        blob.write_bytes(b"version https://git-lfs.github.com/spec/v1\n" if damage == "pointer" else b"")
    words = {"missing": "is missing", "placeholder": "a placeholder of an image is damaged"}
    assert words.get(damage, "was changed") in problem(cli)


@pytest.mark.parametrize("command", ["check", "ls", "prune"])
def test_a_store_holds_no_cassettes(
    cli: CommandLine, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    list(workspace.runs())
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", "assets")
    outcome = cli("cassettes", command)
    assert (outcome.code, outcome.out) == (2, "")
    assert "assets, which is a store (imagegen-nb store check " in outcome.err


def test_a_path_in_the_place_of_a_name_is_told_as_what_it_is(
    cli: CommandLine, hero: Path, workspace: Workspace
) -> None:
    list(workspace.runs())
    assert "a folder assets, which is a store (imagegen-nb" in cli("cassettes", "check", "assets").err
    assert "did you mean hero?" in cli("cassettes", "check", "cassettes/hero").err


@pytest.mark.parametrize("command", ["check", "ls", "prune"])
def test_nothing_to_check_is_no_success(cli: CommandLine, command: str) -> None:
    outcome = cli("cassettes", command)
    assert (outcome.code, outcome.out) == (2, "")
    assert "there is no cassette in" in outcome.err
    assert "imagegen-nb record" in outcome.err


def test_a_misspelt_cassette_is_answered_with_the_nearest(cli: CommandLine, hero: Path) -> None:
    assert "there is no cassette 'hreo' in" in cli("cassettes", "ls", "hreo").err
    assert "did you mean hero?" in cli("cassettes", "ls", "hreo").err


def test_a_cassette_where_there_is_none_is_told_how_to_record_one(cli: CommandLine) -> None:
    told = cli("cassettes", "ls", "hreo").err
    assert "choose from none" not in told
    assert "and so no 'hreo': record one (imagegen-nb record NOTEBOOK --emulator)" in told
