"""`imagegen-nb cassettes`: what a merge left is named, damaged images and what is no part of one are."""

from __future__ import annotations

import json
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


BLOB = f"{'0' * 32}.png"
LEFTOVERS = {
    f"blobs/{BLOB}": "1 image that no recording refers to: {}; imagegen-nb cassettes prune hero deletes it",
    "blobs/notes.txt": "no part of the cassette, and not searched for keys: {}; move it elsewhere, delete it",
    "cassette.yaml.orig": "no part of the cassette, and not searched for keys: {}; move it elsewhere",
    "old/cat.png": "no part of the cassette, and not searched for keys: old; move it elsewhere",
    f"blobs/.{'0' * 32}.tmp": "left of a recording that was killed: {}; delete it, unless one is under way",
}


@pytest.mark.parametrize("place", LEFTOVERS)
def test_what_is_no_part_of_a_cassette_is_noted_with_what_to_do(
    place: str, cli: CommandLine, hero: Path
) -> None:
    (hero / place).parent.mkdir(exist_ok=True)
    (hero / place).write_bytes(b"x")
    outcome = cli("cassettes", "check")
    assert (outcome.code, outcome.out) == (0, "good hero\n")
    assert outcome.err.startswith(f"note: hero: {LEFTOVERS[place].format(place)}")
    (told,) = json.loads(cli("cassettes", "check", "--json").out)[0]["notes"]
    assert told.startswith(LEFTOVERS[place].format(place))


def test_what_is_not_worth_a_word(cli: CommandLine, hero: Path) -> None:
    """What a system leaves where one has looked, a cassette in a folder of another, and other people's."""
    (hero / ".DS_Store").touch()
    (hero / "blobs/Thumbs.db").touch()
    (hero / "red").mkdir()
    for file in hero.iterdir():
        if file.is_file():
            (hero / "red" / file.name).write_bytes(file.read_bytes())
    (hero / "blobs").rename(hero / "red/blobs")
    text = (hero / "cassette.yaml").read_text()
    (hero / "cassette.yaml").write_text(text[: text.index("recordings:")] + "recordings: []\n")
    (hero.parent / "README.md").touch()
    (hero.parent / "test_of_another_tool").mkdir()
    (hero.parent / "test_of_another_tool/test_x.yaml").touch()
    outcome = cli("cassettes", "check")
    assert (outcome.code, outcome.out) == (0, "good hero\ngood hero/red\n")
    assert outcome.err == "note: hero: it has no call in it; record it again, or delete the folder\n"


def test_a_text_that_was_cut_between_two_recordings_shows_by_its_images(cli: CommandLine, hero: Path) -> None:
    file = hero / "cassette.yaml"
    file.write_text(file.read_text().rpartition("- request:\n")[0])
    told = cli("cassettes", "check").err
    assert "1 image that no recording refers to: blobs/" in told
    assert "If cassette.yaml was cut, restore that instead" in told


def test_many_leftovers_are_not_a_screenful(cli: CommandLine, hero: Path) -> None:
    for number in range(8):
        (hero / "blobs" / f"{number:032x}.png").touch()
    told = cli("cassettes", "check").err
    assert "8 images that no recording refers to" in told
    assert " and 3 more; imagegen-nb cassettes prune hero deletes them" in told


def test_missing_attributes_are_noted(cli: CommandLine, hero: Path) -> None:
    (hero / ".gitattributes").unlink()
    assert (
        "its .gitattributes is missing, so that git may change the line ends" in cli("cassettes", "check").err
    )


@pytest.mark.parametrize("other_name", ["cassette.yml", ""])
def test_images_without_their_text_are_a_damaged_cassette(
    other_name: str, cli: CommandLine, hero: Path
) -> None:
    text = hero / "cassette.yaml"
    text.rename(hero / other_name) if other_name else text.unlink()
    told = problem(cli)
    assert told.startswith("error: hero: it has no cassette.yaml: ")
    assert ("if cassette.yml is it, rename it; else restore it" in told) == bool(other_name)
    assert "damaged" in cli("cassettes", "ls").out


def test_a_cassette_in_the_place_of_their_folder_is_told(
    cli: CommandLine, hero: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hero.parent / "cassette.yaml").touch()
    outcome = cli("cassettes", "check")
    assert (outcome.code, outcome.out) == (0, "good hero\n")
    assert "has a cassette.yaml itself, where no replay finds it: move it, with its blobs/" in outcome.err
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(hero))
    told = problem(cli)
    assert "IMAGEGEN_NB_CASSETTES is to name the folder above that of a cassette" in told


def test_a_damaged_cassette_keeps_none_of_the_others_from_being_pruned(cli: CommandLine, hero: Path) -> None:
    (hero.parent / "a").mkdir()
    (hero.parent / "a/cassette.yaml").touch()
    (hero / "blobs" / BLOB).touch()
    outcome = cli("cassettes", "prune")
    assert (outcome.code, outcome.out) == (2, f"removed hero/blobs/{BLOB}\n")
    assert outcome.err.startswith("error: a: cassette.yaml: it is not a cassette (cut short?)")
