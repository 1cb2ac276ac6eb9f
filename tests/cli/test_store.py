"""`imagegen-nb store`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.ledger import entry, judgement, new, put
from support.object_server import ObjectServer
from support.permissions import bound_by_permissions

from imagegen_nb import Workspace, replay
from imagegen_nb.emulator import Emulator
from imagegen_nb.step.output import local_files
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store import object_maintenance
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.object_log import SEGMENT
from imagegen_nb.store.object_store import ObjectStore
from imagegen_nb.store.paths import blob_name


def test_a_store_is_checked_rebuilt_and_tidied(
    cli: CommandLine, workspace: Workspace, step: ImageGenerationStep
) -> None:
    folder = "assets"
    step.run({"room": "a hall"}, workspace=workspace)
    workspace.store.begin(entry("a-run"), None)
    workspace.store.finish(entry("a-run", state="interrupted"), [])
    asked = {"model": "gpt-5.4-mini", "count": 0, "estimate": 0}
    workspace.store.begin(entry("a-question", **asked), None)
    workspace.store.finish(entry("a-question", state="interrupted", **asked), [])
    new(workspace.store, b"of a run that was killed")
    workspace.close()

    checked = cli("store", "check", folder)
    assert checked.code == 0, checked.err
    assert "1 image (" in checked.out
    assert "interrupted: gpt-image-2, 2 images asked for" in checked.out
    assert "charge emulated: run a-run" in checked.out
    assert (
        "of these, 1 image is perhaps of runs that were interrupted: look at it, or copy it elsewhere, "
        "before gc deletes it for good\n  blobs/"
    ) in checked.out
    assert "interrupted: gpt-5.4-mini, asked about an image on" in checked.out
    facts = cli("store", "check", folder, "--json").json()
    assert isinstance(facts, dict)
    assert (facts["images"], facts["runs"], facts["problems"]) == (1, 3, [])
    assert [run["run_id"] for run in facts["interrupted"]] == ["a-run", "a-question"]

    told: dict[str, object] = {"recent_files": [], "requests": {}}
    would = cli("store", "gc", folder, "--dry-run", "--json").json()
    assert would == {"would_remove": facts["unused_files"], **told}
    assert "images among them may be of runs that were" in cli("store", "gc", folder, "--dry-run").out
    assert cli("store", "gc", folder, "--json").json() == {"removed": facts["unused_files"], **told}
    assert cli("store", "gc", folder).out == "nothing to remove\n"

    (Path(folder) / "index.sqlite3").write_bytes(b"no database " * 100)
    broken = cli("store", "check", folder)
    assert broken.code == 2
    assert f"imagegen-nb store rebuild {folder} mends what can be read" in broken.err
    assert cli("store", "rebuild", folder).code == 0
    again = cli("store", "check", folder, "--json").json()
    assert again == {**facts, "unused_files": []}


def test_the_store_that_is_not_named_is_the_one_of_a_run(
    cli: CommandLine, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("ls", "check", "gc", "rebuild"):
        nothing = cli("store", command)
        assert (nothing.code, nothing.out) == (2, "")
        assert "there is no store in assets" in nothing.err
    with Workspace("assets", backend=emulator.url) as workspace:
        ImageGenerationStep(prompt="A lamp", image_size="1024x640").run(workspace=workspace)
    assert "A lamp" in cli("store", "ls").out
    assert cli("store", "check").out.startswith("good 1 image")
    assert cli("store", "gc").out == "nothing to remove\n"
    assert cli("store", "rebuild").code == 0


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("command", ["check", "rebuild", "gc", "ls"])
def test_a_mistyped_folder_is_no_store_and_is_not_made(
    cli: CommandLine, tmp_path: Path, command: str, scheme: str
) -> None:
    address = f"{scheme}{tmp_path}/nowhere"
    outcome = cli("store", command, address)
    assert outcome.code == 2
    assert f"there is no store in {address}" in outcome.err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", ["check", "rebuild", "gc", "ls"])
def test_a_folder_of_something_else_is_no_store_and_nothing_is_put_into_it(
    cli: CommandLine, workspace: Workspace, tmp_path: Path, command: str
) -> None:
    list(workspace.runs())
    for file in ("hero/cassette.yaml", "hero/blobs/0123.png", "pictures/a.png", "pictures/runs/b.png"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for folder in ("empty", "assets/locks"):
        (tmp_path / folder).mkdir(exist_ok=True)
    kinds = {
        "hero": "a cassette (imagegen-nb cassettes check hero)",
        "pictures": "a folder of pictures",
        "empty": "empty",
        "assets/locks": "a part of the store above it (imagegen-nb store check assets)",
    }
    before = sorted(tmp_path.rglob("*"))
    for folder, kind in kinds.items():
        told = cli("store", command, folder)
        assert told.code == 2
        assert f"there is no store in {folder}, which is {kind}: give the folder or the URL" in told.err
    assert "there is one in assets" in cli("store", command, "hero").err
    assert "there is one in assets" in cli("store", command, ".").err
    assert sorted(tmp_path.rglob("*")) == before


ADDRESSES = ["assets", pytest.param("s3", marks=pytest.mark.loopback)]


@pytest.fixture(params=ADDRESSES)
def address(request: pytest.FixtureRequest) -> str:
    """Where a store may be: a folder, and a bucket."""
    if request.param == "s3":
        object_server: ObjectServer = request.getfixturevalue("object_server")
        return str(object_server.new_url())
    return str(request.param)


def test_a_url_is_looked_after_by_the_same_words(
    cli: CommandLine, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = object_server.new_url()
    assert "there is no store in s3://" in cli("store", "check", address).err
    assert object_server.kinds().count("PUT leases") == 0, "a mistyped address is not written to"
    opened = ObjectStore(address)
    put(opened, b"data")
    new(opened, b"of a run that was killed")
    for number in range(SEGMENT):
        opened.keep_judgement(judgement(number))

    checked = cli("store", "check", address)
    assert checked.code == 0, checked.err
    assert "good 1 image (4 bytes), 0 runs, 0 under way" in checked.out
    assert "1 unused file is younger than a day, and stay for now" in checked.out
    assert "requests to the service: " in checked.out
    assert cli("store", "gc", address).out.startswith("nothing to remove\n1 unused file is younger")
    monkeypatch.setattr(object_maintenance, "OLD_ENOUGH", timedelta(days=-1))
    would = cli("store", "gc", address, "--dry-run")
    assert would.out.startswith("would remove blobs/")
    assert cli("store", "gc", address).out.startswith(
        would.out.splitlines()[0].replace("would remove", "removed")
    )

    opened._objects.write("log/000000000002.json", b"{")
    broken = cli("store", "check", address)
    assert broken.code == 2
    assert f"imagegen-nb store rebuild {address} mends what can be read" in broken.err
    assert cli("store", "rebuild", address).code == 0
    assert cli("store", "check", address, "--json").code == 0
    assert cli("store", "check", "s4://bucket/team").code == 2


def test_lost_images_are_told_with_what_can_still_be_done(
    cli: CommandLine, address: str, emulator: Emulator, step: ImageGenerationStep
) -> None:
    with Workspace(address, backend=emulator.url) as workspace:
        run = step.replace(image_count=2).run({"room": "a hall"}, workspace=workspace)
        assert run.output.assets[0].stored
        lost = run.output.assets[0].stored
        put(workspace.store, b"outside")
        key = blob_name(lost.sha256, lost.file_type)
        if isinstance(workspace.store, ObjectStore):
            workspace.store._objects.remove([key])
        else:
            (Path(address) / key).unlink()
    for command in ("check", "rebuild"):
        outcome = cli("store", command, address)
        assert outcome.code == 2
        assert f"image {lost.id}" in outcome.err
        assert f"1 of 2 images lost of run {run.id}: gpt-image-2 on " in outcome.err
        assert "“A lamp for a hall”" in outcome.err
        assert "A cassette that was recorded of a run brings its images back" in outcome.err
        assert "Prompt and settings are in the ledger" in outcome.err
        assert "store rebuild" not in outcome.err, "nothing that a rebuild mends"
    told = cli("store", "check", address, "--quick", "--json").json()
    assert isinstance(told, dict)
    assert [image["id"] for image in told["lost_images"]] == [lost.id]
    (affected,) = told["affected_runs"]
    assert (affected["run_id"], affected["lost"], affected["can_run_again"]) == (run.id, 1, True)


def test_a_replayed_cassette_brings_lost_images_back(
    cli: CommandLine, emulator: Emulator, step: ImageGenerationStep
) -> None:
    """As `store check` says."""
    with Workspace("assets", backend=emulator.url) as workspace:
        with replay.use("lamp", "all"):
            run = step.run({"room": "a hall"}, workspace=workspace)
        for path in local_files(run.output.assets):
            path.unlink()
        assert cli("store", "check", "assets").code == 2
        with replay.use("lamp"):
            assert step.run({"room": "a hall"}, workspace=workspace).replayed
        assert cli("store", "check", "assets").code == 0
        assert run.output.assets[0].bytes()[:4] == b"\x89PNG"


@pytest.fixture
def filled(workspace: Workspace, step: ImageGenerationStep) -> Iterator[Path]:
    """A store with an image, whose permissions are given back at the end."""
    step.run({"room": "a hall"}, workspace=workspace)
    workspace.close()
    assert isinstance(workspace.store, LocalStore)
    folder = workspace.store.folder
    yield folder
    folder.chmod(0o700)
    for path in folder.rglob("*"):
        path.chmod(0o700)


@pytest.mark.rigs
def test_who_may_only_read_checks_a_store_and_writes_nothing(filled: Path) -> None:
    for path in (*filled.rglob("*"), filled):
        path.chmod(path.stat().st_mode & 0o555)
    before = {path: path.stat().st_mtime_ns for path in filled.rglob("*")}
    checked = bound_by_permissions("store", "check", filled)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("good 1 image (")
    assert "this user may only read it: runs whose process is gone stay under way" in checked.stdout
    assert "gpt-image-2" in bound_by_permissions("runs", "--store", filled).stdout
    assert "nothing to remove" in bound_by_permissions("store", "gc", filled).stdout
    rebuilt = bound_by_permissions("store", "rebuild", filled)
    assert rebuilt.returncode == 2
    assert rebuilt.stderr == (
        f"error: cannot build the index in {filled} again, and have left it as it was: this user may not "
        "write there (permission denied). Choose another folder, or let its owner do it\n"
    )
    assert {path: path.stat().st_mtime_ns for path in filled.rglob("*")} == before


@pytest.mark.rigs
@pytest.mark.parametrize("closed", ["blobs/*", "blobs", "runs"])
def test_what_a_user_may_not_read_is_not_taken_for_lost(filled: Path, closed: str) -> None:
    (folder,) = filled.glob(closed)
    folder.chmod(0)
    checked = bound_by_permissions("store", "check", filled)
    assert checked.returncode == 2
    assert "1 image (" in checked.stdout
    of_images = "1 of 1 image may not be read by this user"
    told = of_images if closed == "blobs/*" else f"may not look into {folder}"
    assert told in checked.stderr
    assert "nothing is known of that: have the user whose store it is check it" in checked.stderr
    for alarm in ("lost", "paid", "rebuild", "damaged", "no manifest", "Traceback"):
        assert alarm not in checked.stderr
    if closed != "blobs/*":
        for command, left in (("gc", "nothing was deleted"), ("rebuild", "the index was left as it was")):
            refused = bound_by_permissions("store", command, filled)
            assert refused.returncode == 2
            assert f"error: {left}: {folder}: this user may not read it" in refused.stderr


@pytest.mark.rigs
def test_a_store_that_a_user_may_not_look_into_is_told_as_that(filled: Path) -> None:
    filled.chmod(0)
    for command in ("check", "gc", "rebuild", "ls"):
        refused = bound_by_permissions("store", command, filled)
        assert (refused.returncode, refused.stderr) == (
            2,
            f"error: cannot look into {filled}: this user may not read it (permission denied)\n",
        )
