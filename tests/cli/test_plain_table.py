"""Tables of the command line: for a program, in a window, and in a narrow one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from imagegen_nb.cli import console, plain_table
from imagegen_nb.cli.plain_table import PlainTable

_NAME = "a-mug-with-a-handle-on-a-table-in-the-rain-1.png"
_TEXT = "A mug on a table " * 10


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[int | None], str]:
    """The table as it is printed in a window of so many columns, or for a program where there is none."""

    def show(columns: int | None) -> str:
        monkeypatch.setenv("COLUMNS", str(columns or 80))
        monkeypatch.setattr(plain_table, "is_window", lambda: columns is not None)
        console.out.cache_clear()
        table = PlainTable("file name", "size", "prompt", "state", title="two images", wrapped=["prompt"])
        table.add_row(_NAME, "54.1 kB", _TEXT, "")
        table.add_row("b.png", "1 kB", "[bold]short[/]", "lost")
        table.print()
        return capsys.readouterr().out

    return show


def test_a_program_gets_each_row_in_one_line(shown: Callable[[int | None], str]) -> None:
    title, _, heading, _, first, second, *_ = shown(None).splitlines()
    assert title == "two images"
    assert re.split(" {2,}", heading.strip()) == ["file name", "size", "prompt", "state"]
    assert first.split(" ")[1] == _NAME
    assert first.endswith(_TEXT.rstrip())
    assert re.split(" {2,}", second.strip()) == ["b.png", "1 kB", "short", "lost"]


def test_in_a_window_text_takes_more_lines(shown: Callable[[int | None], str]) -> None:
    lines = shown(100).splitlines()
    assert max(map(len, lines)) <= 100
    assert f" {_NAME} " in lines[4]
    start, end = lines[2].index("prompt"), lines[2].index("state")
    assert " ".join(line[start:end] for line in lines[4:]).split() == [*_TEXT.split(), "short"]


@pytest.mark.parametrize("columns", [20, 60, 80])
def test_in_a_narrow_window_each_row_takes_lines_of_its_own(
    shown: Callable[[int | None], str], columns: int
) -> None:
    assert shown(columns).splitlines() == [
        "two images",
        "",
        _NAME,
        "  size    54.1 kB",
        f"  prompt  {_TEXT}",
        "",
        "b.png",
        "  size    1 kB",
        "  prompt  short",
        "  state   lost",
        "",
    ]


@pytest.mark.parametrize("columns", [None, *range(40, 140, 7)])
def test_nothing_is_ever_cut(shown: Callable[[int | None], str], columns: int | None) -> None:
    printed = shown(columns)
    assert "…" not in printed
    assert _NAME in printed
    assert printed.split().count("mug") == _TEXT.split().count("mug")
