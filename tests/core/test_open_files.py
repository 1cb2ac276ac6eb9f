"""A lack of open files is told from other failures, and waited out."""

from __future__ import annotations

import errno

import pytest

from imagegen_nb.core import atomic_files, open_files
from imagegen_nb.core.open_files import OUT_OF_FILES, is_out_of_files, is_out_of_modules, patiently


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


def test_a_module_that_was_not_found_is_a_lack_of_files_only_where_they_are_scarce(monkeypatch):
    assert not is_out_of_modules(ImportError("cannot import name"))
    assert is_out_of_modules(OSError(errno.EMFILE, "x"))
    monkeypatch.setattr(open_files, "soft_limit", lambda: 5)
    assert is_out_of_modules(ImportError("cannot import name"))
    assert not is_out_of_modules(ValueError("no"))


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
