"""What is written where: over the old cassette, or beside it where that cannot be."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest
from support.cassettes import LAMP, pictures

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import blobs, cassette_file, cassette_yaml, filters
from imagegen_nb.replay.cassette_writer import CassetteWriter
from imagegen_nb.replay.recording import Recording

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def test_recording_anew_leaves_no_old_image(workspace, project):
    for prompt in ("a lamp", "a fox"):
        with replay.use("hero", "all"):
            LAMP.replace(prompt=prompt).run(workspace=workspace)
    assert len(list((project / "cassettes/hero/blobs").iterdir())) == 1


def test_a_failing_save_loses_nothing_and_leaves_no_patch(workspace, live, project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (project / "cassettes/hero").write_text("in the way")
    with (
        pytest.raises(ReplayError, match="cassette 'hero' could not be saved") as caught,
        replay.use("hero", "all"),
    ):
        recorded = LAMP.run(workspace=workspace)
    rescued = Path(str(caught.value).rpartition("kept in ")[2])
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(rescued.parent))
    with replay.use("hero"):
        assert pictures(LAMP.run(workspace=live)) == pictures(recorded)


def grown(count: int, body: bytes = b"") -> list[Recording]:
    """Recordings of calls, each with a picture of its own."""
    return [
        Recording(
            method="POST",
            url="https://api.openai.com/v1/images/generations",
            call=str(number),
            request_body=b'{"prompt":"a lamp"}',
            status=200,
            headers={"content-type": "application/json"},
            response_body=b'{"b64_json": "%s"}' % base64.b64encode(body + b"%04d" % number * 500),
        )
        for number in range(count)
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def counted(monkeypatch) -> dict[str, int]:
    """How often a recording was searched and made into text, and a file written."""
    counts = {"searched": 0, "made": 0, "written": 0}

    def counting(name, function):
        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(filters, "find_key", counting("searched", filters.find_key))
    monkeypatch.setattr(cassette_yaml, "make_item", counting("made", cassette_yaml.make_item))
    monkeypatch.setattr(blobs, "write_durably", counting("written", blobs.write_durably))
    return counts


def test_a_save_does_only_what_is_new_and_gives_the_same_as_one_at_the_end(tmp_path, counted):
    recordings = grown(12)
    writer = CassetteWriter(tmp_path / "often")
    for count in range(1, len(recordings) + 1):
        writer.write(recordings[:count], "emulator")
    assert counted == {"searched": 12, "made": 12, "written": 12}
    CassetteWriter(tmp_path / "once").write(recordings, "emulator")
    assert contents(tmp_path / "often") == contents(tmp_path / "once")


def test_a_recording_that_was_replaced_leaves_nothing_behind(tmp_path):
    first, second = grown(2)
    writer = CassetteWriter(tmp_path / "a")
    writer.write([first], "emulator")
    writer.write([second], "emulator")
    CassetteWriter(tmp_path / "b").write([second], "emulator")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("harm", ["deleted", "changed", "linked", "all deleted", "folder linked"])
def test_an_image_that_is_lost_between_two_saves_is_written_again(harm, tmp_path):
    folder, recordings = tmp_path / "a", grown(3)
    writer = CassetteWriter(folder)
    writer.write(recordings[:2], "emulator")
    image = min((folder / "blobs").iterdir())
    match harm:
        case "deleted":
            image.unlink()
        case "changed":
            image.write_bytes(b"other")
        case "linked":
            image.rename(tmp_path / "moved")
            image.symlink_to(tmp_path / "moved")
        case "all deleted":
            shutil.rmtree(folder)
        case _:
            (folder / "blobs").rename(tmp_path / "moved")
            (folder / "blobs").symlink_to(tmp_path / "moved")
    writer.write(recordings, "emulator")
    assert sorted(recorded.response_body for recorded in cassette_file.read(folder)[1]) == sorted(
        recorded.response_body for recorded in recordings
    )


def test_a_key_that_is_in_use_only_now_is_found_in_what_was_saved_before(tmp_path, monkeypatch):
    key = "no-shape-of-a-key-0a1b2c3d4e"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    recordings = grown(2, key.encode())[:1] + grown(2)[1:]
    writer = CassetteWriter(tmp_path / "a")
    assert writer.write(recordings, "live").refused == ()
    assert len(list((tmp_path / "a/blobs").iterdir())) == 2
    monkeypatch.setenv("OPENAI_API_KEY", key)
    (refused,) = writer.write(recordings, "live").refused
    assert "holds a key that is in use here" in refused
    assert len(list((tmp_path / "a/blobs").iterdir())) == 1
    assert [recorded.call for recorded in cassette_file.read(tmp_path / "a")[1]] == ["1"]


def test_a_disk_that_was_full_once_is_tried_again(tmp_path, monkeypatch):
    recordings = grown(3)
    writer = CassetteWriter(tmp_path / "a")
    writer.write(recordings[:1], "emulator")
    before = contents(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "write_durably", full)
        with pytest.raises(OSError, match="full"):
            writer.write(recordings, "emulator")
    assert contents(tmp_path / "a") == before
    writer.write(recordings, "emulator")
    assert len(cassette_file.read(tmp_path / "a")[1]) == 3


def full(path: Path, data: bytes) -> None:
    raise OSError(28, "full")
