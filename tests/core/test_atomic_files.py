"""Files that are whole or absent, in the order that makes them survive a crash."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imagegen_nb.core import atomic_files
from imagegen_nb.core.atomic_files import explain, explain_writing, user_path, write_durably
from imagegen_nb.errors import InvalidOption


def test_a_file_is_written_and_nothing_else_is_left(tmp_path):
    write_durably(tmp_path / "f", b"data")
    assert (tmp_path / "f").read_bytes() == b"data"
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_an_older_file_is_replaced(tmp_path):
    (tmp_path / "f").write_bytes(b"older and longer")
    write_durably(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        steps.append((f"sync {kind}", (tmp_path / "f").exists()))
        sync(handle)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append(("rename", (tmp_path / "f").exists()))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_durably(tmp_path / "f", b"data")
    assert steps == [("sync file", False), ("rename", False), ("sync folder", True)]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failure_leaves_the_older_file_and_no_half_one(tmp_path, monkeypatch, broken):
    (tmp_path / "f").write_bytes(b"older")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "the disk broke")

    monkeypatch.setattr(*((os, "fsync") if broken == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="the disk broke"):
        write_durably(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_an_interrupt_leaves_no_half_file(tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "f", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "f").symlink_to(victim)
    write_durably(tmp_path / "f", b"data")
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "f").is_symlink()


def test_no_file_handle_is_left_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        write_durably(tmp_path / str(number), b"x")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


FULL = """
import pathlib, resource, sys
from imagegen_nb.core.atomic_files import write_durably
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_durably(pathlib.Path(sys.argv[1]) / "f", b"x" * 100_000)
except OSError as error:
    print(error.errno)
"""


def test_a_write_past_what_may_be_written_leaves_no_half_file(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == str(errno.EFBIG)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(), "OSError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_failure_in_words(error, words):
    assert words in explain(error)


@pytest.mark.parametrize(
    ("error", "folder", "words"),
    [
        (OSError(errno.ENOSPC, "No space"), ".", "the disk is full. Free some space, or choose another"),
        (OSError(errno.EDQUOT, "Disk quota"), ".", "the disk is full. Free some space"),
        (OSError(errno.EACCES, "Permission denied"), ".", "this user may not write there (permission"),
        (OSError(errno.EROFS, "Read-only file system"), ".", "Choose another folder, or let its owner do it"),
        (
            OSError(errno.ENOENT, "No such file"),
            "no dir/a",
            "there is no folder {}/no dir/a; make it (mkdir -p '{}/no dir/a'), or choose another",
        ),
        (
            OSError(errno.ENOTDIR, "Not a directory"),
            "a-file/b",
            "{}/a-file is a file, where a folder is needed; choose another",
        ),
        (OSError(errno.ENOENT, "No such file"), ".", "No such file"),
    ],
)
def test_a_failure_to_write_in_words_with_what_to_do(tmp_path, error, folder, words):
    (tmp_path / "a-file").touch()
    assert words.replace("{}", str(tmp_path)) in explain_writing(error, tmp_path / folder)


def test_without_posix_folders_are_not_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files.os, "name", "nt")
    monkeypatch.setattr(atomic_files.os, "fsync", None)
    atomic_files.sync_folder(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_place_that_cannot_be_looked_at_is_refused_in_words(tmp_path):
    with pytest.raises(InvalidOption, match="cannot be used: File name too long"):
        user_path(tmp_path / ("x" * 300), InvalidOption)
    assert user_path(tmp_path / "\ud800", InvalidOption) == tmp_path / "\ud800"


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_path_is_refused_and_not_taken_for_this_folder(blank):
    with pytest.raises(InvalidOption, match="a blank text was given"):
        user_path(blank, InvalidOption)
    assert user_path(Path(), InvalidOption) == Path()
