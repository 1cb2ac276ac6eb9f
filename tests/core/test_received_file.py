"""Bytes that are hashed and written as they come: nothing is lost, nothing left behind, no secret written."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.core.received_file import ReceivedFile, Receiver
from imagegen_nb.errors import StoreError

PIECES = st.lists(st.binary(max_size=50), max_size=20)


@given(PIECES)
def test_in_a_file_or_in_memory_the_same_bytes_come_out(tmp_path_factory, pieces):
    folder = tmp_path_factory.mktemp("received")
    whole = b"".join(pieces)
    for new_path in (None, lambda: None, lambda: folder / "a", lambda: folder / "missing" / "a"):
        for ends in (Receiver.finish, Receiver.take_back):
            receiver = Receiver(new_path)
            assert all(receiver.write(piece) for piece in pieces)
            came = ends(receiver)
            assert (came.read() if isinstance(came, ReceivedFile) else came) == whole
            if isinstance(came, ReceivedFile):
                assert (came.size, came.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
                assert came.head == whole[:64]
            del came
            assert list(folder.iterdir()) == []


def test_a_file_nobody_moves_is_removed_and_a_moved_one_stays(tmp_path):
    for name, target in (("one", None), ("two", tmp_path / "kept")):
        receiver = Receiver(lambda name=name: tmp_path / name)
        receiver.write(b"bytes")
        file = receiver.finish()
        is_there = file.is_there
        assert is_there
        if target is not None:
            file.move(target)
        del file
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"bytes"


def test_a_file_that_was_removed_or_cut_meanwhile_is_not_there(tmp_path):
    receiver = Receiver(lambda: tmp_path / "new")
    receiver.write(b"bytes")
    file = receiver.finish()
    assert isinstance(file, ReceivedFile)
    file.path.write_bytes(b"byte")
    assert not file.is_there
    file.path.unlink()
    assert not file.is_there


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_secret_is_not_written_wherever_it_is_cut(tmp_path, cut):
    receiver = Receiver(lambda: tmp_path / "new", [b"a-secret!", b"another"])
    before, after = b"....a-secret!"[: 4 + cut], b"a-secret!...."[cut:]
    assert receiver.write(before)
    assert not receiver.write(after)
    assert receiver.take_back() == before
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import pathlib, resource, signal, sys
from imagegen_nb.core.received_file import Receiver
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
receiver = Receiver(lambda: pathlib.Path(sys.argv[1], "new"))
pieces = [bytes([number]) * 3_000 for number in range(6)]
assert all(map(receiver.write, pieces))
assert receiver._file is None
assert receiver.finish() == b"".join(pieces)
"""


def test_memory_takes_what_a_file_may_not(tmp_path):
    subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_discarded_bytes_leave_no_file(tmp_path):
    receiver = Receiver(lambda: tmp_path / "new")
    receiver.write(b"bytes")
    receiver.discard()
    assert list(tmp_path.iterdir()) == []
    assert receiver.finish() == b""


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), StoreError("a plug-in's"), KeyError("bug")])
def test_a_store_that_can_name_no_file_leaves_the_bytes_in_memory(error):
    def new_path():
        raise error

    receiver = Receiver(new_path)
    assert receiver.write(b"bytes")
    assert receiver.finish() == b"bytes"


def test_bytes_that_nobody_takes_any_more_leave_no_file(tmp_path):
    receiver = Receiver(lambda: tmp_path / "new")
    receiver.write(b"bytes")
    del receiver
    assert list(tmp_path.iterdir()) == []


ENDING = """
import pathlib, sys
from imagegen_nb.core.received_file import Receiver
receiver = sys.modules["kept"] = Receiver(lambda: pathlib.Path(sys.argv[1], "new"))
receiver.write(b"bytes")
assert list(pathlib.Path(sys.argv[1]).iterdir())
"""


def test_a_process_that_ends_in_the_middle_leaves_no_file(tmp_path):
    subprocess.run([sys.executable, "-c", ENDING, str(tmp_path)], check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_of_one_character_keeps_nothing_of_what_passes(tmp_path):
    receiver = Receiver(None, [b"k"])
    assert receiver.write(b"bytes")
    assert receiver._tail == b""
    assert not receiver.write(b"key")
