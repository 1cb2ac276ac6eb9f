"""What a process does at once is bounded by its open files, and a lack of them is waited out."""

from __future__ import annotations

import asyncio
import errno
import resource

import pytest

from imagegen_nb.core import atomic_files, open_files
from imagegen_nb.core.open_files import OUT_OF_FILES, LoopSemaphore, is_out_of_files, patiently


@pytest.mark.parametrize(
    ("soft", "size"),
    [(64, 8), (256, 32), (512, 64), (1024, 64), (1 << 20, 64), (8, 2), (resource.RLIM_INFINITY, 64)],
)
def test_the_limit_of_open_files_bounds_how_many_there_are(monkeypatch, soft, size):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert LoopSemaphore(most=64, files=8).size == size


def test_each_loop_has_a_semaphore_of_its_own():
    semaphore = LoopSemaphore(most=64, files=8)

    async def of_this_loop() -> asyncio.Semaphore:
        assert semaphore() is semaphore()
        return semaphore()

    assert asyncio.run(of_this_loop()) is not asyncio.run(of_this_loop())


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EMFILE, "Too many open files"), True),
        (OSError(errno.ENFILE, "Too many open files in system"), True),
        (caused(ValueError("in an SDK"), OSError(errno.EMFILE, "Too many open files")), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError("no"), False),
        (None, False),
    ],
)
def test_a_lack_of_files_is_known_by_its_cause(error, expected):
    assert is_out_of_files(error) is expected


def test_the_words_name_the_remedy():
    assert atomic_files.explain(OSError(errno.EMFILE, "Too many open files")) == OUT_OF_FILES
    assert "ulimit -n" in OUT_OF_FILES


def test_only_a_lack_of_files_is_waited_out(monkeypatch):
    monkeypatch.setattr(open_files, "_LOOK_AGAIN", 0.001)
    failures = [OSError(errno.EMFILE, "x"), OSError(errno.EMFILE, "x")]

    def work() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert patiently(work, is_out_of_files) == "done"
    failures[:] = [OSError(errno.ENOSPC, "full"), OSError(errno.EMFILE, "x")]
    with pytest.raises(OSError, match="full"):
        patiently(work, is_out_of_files)


def test_the_wait_has_an_end(monkeypatch):
    monkeypatch.setattr(open_files, "_LONGEST_WAIT", 0.0)

    def work() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(OSError, match="Too many"):
        patiently(work, is_out_of_files)
