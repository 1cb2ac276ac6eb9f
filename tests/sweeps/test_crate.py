"""A sweep as an RO-Crate: read again by the community's library, with nothing lost, half written or told."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import AssetNotFound, InvalidOption, StoreError
from imagegen_nb.sweeps import crate

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
SECRET = "a-key-of-no-known-shape"
LICENCE = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def rocrate():
    return pytest.importorskip("rocrate.rocrate")


@pytest.fixture
def sweep(emulator, workspace, monkeypatch):
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", SECRET)
    emulator.script("openai", Fault("moderation"))
    one = ig.Sweep(STEP, over={"product": ["<rug>", f"lamp {SECRET}", "vase 🏺"]})
    return one.run(workspace=workspace, progress=False, concurrency=1)


def test_the_library_reads_what_each_cell_asked_and_what_came(rocrate, sweep, tmp_path):
    sweep.score(lambda image, run: 3, name="taste", progress=False)
    folder = sweep.crate(tmp_path / "crate", license=LICENCE, author="Ann")
    read = rocrate.ROCrate(folder)
    assert (read.name, read.root_dataset["license"].id) == (sweep.title, LICENCE)
    assert read.root_dataset["conformsTo"].id.endswith("/wfrun/process/0.5")
    failed, *made = read.root_dataset["mentions"]
    assert failed["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert "rejected by the safety system" in failed["error"]
    assert not failed["result"]
    for action, cell in zip(made, sweep.done, strict=True):
        assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert [one["name"] for one in action["instrument"]] == ["gpt-image-2", "imagegen-nb"]
        assert action["agent"]["name"] == "Ann"
        assert action["startTime"] <= action["endTime"]
        assert "score by taste: 3" in action["description"]
        asked = {one["name"]: one["value"] for one in action["object"]}
        assert asked["image_size"] == "1024x640"
        assert asked["prompt"].startswith("A ")
        (image,) = action["result"]
        data = (folder / image.id).read_bytes()
        assert (image["sha256"], image["contentSize"]) == (sha256(data).hexdigest(), str(len(data)))
        assert data == cell.assets[0].bytes()
        assert image["encodingFormat"] == "image/jpeg"
        assert image["digitalSourceType"].endswith("/AlgorithmicMediaDigitalSource")  # no model drew it


def test_each_word_has_the_meaning_that_the_standard_gives_it(rocrate, sweep, tmp_path):
    """By the library's own copy of the standard's context. That of 1.1 lacks two words."""
    known = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
    document = json.loads((sweep.crate(tmp_path / "crate") / "ro-crate-metadata.json").read_text())
    base, own = document["@context"]
    assert base == "https://w3id.org/ro/crate/1.1/context"
    assert own == {name: known[name] for name in ("digitalSourceType", "sha256")}
    words = {word for entity in document["@graph"] for word in entity if not word.startswith("@")}
    assert words <= set(known)


def test_every_file_is_described_and_every_described_file_is_there(rocrate, sweep, tmp_path):
    folder = sweep.crate(tmp_path / "crate")
    described = {entity.id for entity in rocrate.ROCrate(folder).get_by_type("File")}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == described | {"ro-crate-metadata.json"}
    assert {"sweep.html", "sweep.json", "sweep.csv"} < described
    assert len(described) == 5


def test_an_image_that_is_lost_costs_only_itself(rocrate, sweep, tmp_path):
    lost, kept = sweep.done
    lost.assets[0].path.unlink()
    read = rocrate.ROCrate(sweep.crate(tmp_path / "crate"))
    _, *made = read.root_dataset["mentions"]
    assert [len(action["result"]) for action in made] == [0, 1]
    assert [action["actionStatus"].rpartition("/")[2] for action in made] == ["CompletedActionStatus"] * 2
    assert "1 image not included: lost from the store" in made[0]["description"]
    assert "lost" not in made[1]["description"]
    assert read.description.endswith(". 1 image not included: lost from the store")
    kept.assets[0].path.unlink()
    with pytest.raises(AssetNotFound, match="not readable"):
        sweep.crate(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_no_key_stands_in_any_of_it(rocrate, sweep, tmp_path):
    folder = sweep.crate(tmp_path / "crate", author=f"Ann {SECRET}", license=f"https://mine.example/{SECRET}")
    for path in folder.rglob("*.*"):
        assert SECRET.encode() not in path.read_bytes()


def test_what_is_there_is_left_alone(rocrate, sweep, tmp_path):
    (tmp_path / "crate").mkdir()
    with pytest.raises(StoreError, match="it already exists; pass overwrite=True or another name"):
        sweep.crate(tmp_path / "crate")
    assert list((tmp_path / "crate").iterdir()) == []


def test_an_older_crate_is_replaced_whole_where_that_is_asked_for(rocrate, sweep, tmp_path):
    folder = sweep.crate(tmp_path / "crate", author="Ann")
    (folder / "images" / "older.png").touch()
    assert sweep.crate(folder, author="Bo", overwrite=True) == folder
    assert rocrate.ROCrate(folder).root_dataset["author"]["name"] == "Bo"
    assert not (folder / "images" / "older.png").exists()
    assert list(tmp_path.glob(".crate-*")) == []


def test_an_older_crate_comes_back_where_the_new_one_cannot_be_put(rocrate, sweep, tmp_path, monkeypatch):
    folder = sweep.crate(tmp_path / "crate", author="Ann")
    real, moves = Path.rename, []

    def second_fails(self, target):
        moves.append(self)
        if len(moves) == 2:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(StoreError, match=r"cannot write .*crate: "):
        sweep.crate(folder, author="Bo", overwrite=True)
    assert rocrate.ROCrate(folder).root_dataset["author"]["name"] == "Ann"
    assert list(tmp_path.glob(".crate-*")) == []


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_only_a_crate_is_ever_replaced(rocrate, sweep, tmp_path, what):
    target = tmp_path / "crate"
    if what == "link":
        target.symlink_to(sweep.crate(tmp_path / "other"), target_is_directory=True)
    elif what == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="is not an RO-Crate; give another name"):
        sweep.crate(target, overwrite=True)
    assert target.exists()


def test_nothing_is_left_of_one_that_could_not_be_written(rocrate, sweep, tmp_path, monkeypatch):
    def full(self, path, name, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crate._Writer, "_add_image", full)
    with pytest.raises(StoreError, match=r"cannot write .*crate: "):
        sweep.crate(tmp_path / "crates" / "crate")
    assert list((tmp_path / "crates").iterdir()) == []


def test_without_the_library_its_extra_is_named(sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rocrate.rocrate", None)
    with pytest.raises(InvalidOption, match=r"\[rocrate\]"):
        sweep.crate(tmp_path / "crate")
    assert not Path(tmp_path / "crate").exists()


def test_the_metadata_begins_as_the_standard_asks(rocrate, sweep, tmp_path):
    document = json.loads((sweep.crate(tmp_path / "crate") / "ro-crate-metadata.json").read_bytes())
    by_id = {entity["@id"]: entity for entity in document["@graph"]}
    assert by_id["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    root = by_id["./"]
    assert all(root[name] for name in ("name", "description", "datePublished", "license"))
