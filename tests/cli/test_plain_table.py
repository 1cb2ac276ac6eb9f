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


def _rows(*text: str) -> list[str]:
    return [
        "two images",
        "",
        f"file name: {_NAME}",
        "  size    54.1 kB",
        f"  prompt  {text[0]}",
        *(f"          {line}" for line in text[1:]),
        "",
        "file name: b.png",
        "  size    1 kB",
        "  prompt  short",
        "  state   lost",
        "",
    ]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (20, [_TEXT]),  # the window's to wrap: side by side there is no room
        (40, ["A mug on a table A mug on a", "table A mug on a table A mug"]),
        (75, ["A mug on a table A mug on a table A mug on a table A mug on a"]),
    ],
)
def test_in_a_narrow_window_each_row_takes_lines_of_its_own(
    shown: Callable[[int | None], str], columns: int, text: list[str]
) -> None:
    lines = [line.rstrip() for line in shown(columns).splitlines()]
    rows = [line.rstrip() for line in _rows(*text)]
    end = 5 + len(text) - 1
    assert lines[:end] == rows[:end]
    assert lines[-6:] == rows[-6:]
    assert " ".join(" ".join(lines[4:-6]).replace("prompt", "").split()) == _TEXT.strip()


@pytest.mark.parametrize("columns", range(40, 140, 7))
def test_a_name_ends_its_line_at_a_hyphen_if_it_has_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(plain_table, "is_window", lambda: True)
    console.out.cache_clear()
    table = PlainTable("started (UTC)", "model", "prompt", wrapped=["model", "prompt"])
    table.add_row("2026-11-29 04:34", "[yellow]gemini-2.5-flash-image[/]", _TEXT)
    table.print()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    name = "|".join(word for line in lines for word in line.split() if word[0] in "fgi" and word != "in")
    assert name in ("gemini-2.5-flash-image", "gemini-2.5-|flash-image", "gemini-2.5-flash-|image")
    if columns >= 68:  # a column takes no more than it needs, and no share of what others leave is lost
        assert name == "gemini-2.5-flash-image"
    if columns < 50:
        assert lines[1] == "started (UTC): 2026-11-29 04:34"


@pytest.mark.parametrize("columns", [None, *range(40, 140, 7)])
def test_nothing_is_ever_cut(shown: Callable[[int | None], str], columns: int | None) -> None:
    printed = shown(columns)
    assert "…" not in printed
    assert _NAME in printed
    assert printed.split().count("mug") == _TEXT.split().count("mug")
