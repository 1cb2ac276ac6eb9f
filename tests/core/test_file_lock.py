"""A lock file: held by one, there only meanwhile, and no hindrance where it cannot be made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagegen_nb.core.file_lock import alone


def test_one_holds_it_and_then_another(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with alone(path) as first:
        with alone(path) as second:
            assert (first, second, path.exists()) == (True, False, True)
        assert path.exists()
    assert not path.exists()
    with alone(path) as third:
        assert third


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork beside other tests' threads
def test_children_of_a_fork_do_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    reader, writer = os.pipe()
    with alone(path):
        child = os.fork()
        if child == 0:
            os.read(reader, 1)
            os._exit(0)
    with alone(path) as is_alone:
        assert is_alone
    os.write(writer, b"x")
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def test_where_none_can_be_made_there_is_none(tmp_path: Path) -> None:
    with alone(tmp_path / "no folder" / ".lock") as is_alone:
        assert is_alone
