"""A store on a disk that other machines share says so, once."""

from __future__ import annotations

import warnings

import pytest

from imagegen_nb.store import network_fs
from imagegen_nb.store.local import LocalStore


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Lets the mount table say that the test's folder is on a file system of a kind."""

    def mount(kind, place=tmp_path):
        table = tmp_path / "mounts"
        point = str(place).replace(" ", "\\040")
        table.write_text(
            f"/dev/vda / ext4 rw 0 0\nserver:/home {point} {kind} rw 0 0\nproc /proc proc rw 0 0\n"
        )
        monkeypatch.setattr(network_fs, "_MOUNTS", table)
        monkeypatch.setattr(network_fs, "_warned", set())  # the folder may have been another test's

    return mount


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "lustre"])
def test_a_network_file_system_is_told_once(mounted, tmp_path, kind):
    mounted(kind)
    store = LocalStore(tmp_path / "assets")
    with pytest.warns(RuntimeWarning, match=rf"network file system \({kind}\).*local disk"):
        _ = store.used
    store.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = LocalStore(tmp_path / "assets").used


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "zfs"])
def test_a_local_one_is_not(mounted, tmp_path, kind):
    mounted(kind)
    _ = LocalStore(tmp_path / "assets").used


def test_the_nearest_mount_counts(mounted, tmp_path):
    folder = tmp_path / "my share"
    folder.mkdir()
    mounted("nfs4", folder)
    assert network_fs.file_system_type(folder / "assets") == "nfs4"
    assert network_fs.file_system_type(tmp_path / "my share too") == "ext4"


def test_without_a_mount_table_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(network_fs, "_MOUNTS", tmp_path / "absent")
    assert network_fs.file_system_type(tmp_path) == ""
