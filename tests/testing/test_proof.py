"""How the test of a recording reports to the process that started it."""

from __future__ import annotations

import pytest

from imagegen_nb.testing.proof import in_short

HEAD = "Notebook cell execution failed\nCell 2: {}\n\nInput:\nprint('Traceback:')\n\nTraceback:\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD.format("Cell outputs differ")
            + " mismatch 'text/html'\n\n assert reference_output == test_output failed:\n\n"
            "  'a' == 'b'\n  - b\n  + a\n  Use -v to get more diff\n\n",
            "mismatch 'text/html'\n  'a' == 'b'\n  - b\n  + a",
        ),
        (
            HEAD.format("Cell execution caused an exception")
            + "\nRecordingMissing: not there\n  record: x\n",
            "RecordingMissing: not there\n  record: x",
        ),
        (HEAD.format("y") + "\n".join(map(str, range(20))), "\n".join([*map(str, range(12)), "…"])),
        (
            "Notebook cell execution failed\nCell 1: Unrun reference cell has outputs\n\nInput:\nx\n\n",
            "Unrun reference cell has outputs",
        ),
        ("kernel 'other': there are: python3\nand none\n", "kernel 'other': there are: python3\nand none"),
    ],
)
def test_a_failure_is_told_without_the_cells_source(text, expected):
    assert in_short(text) == expected
