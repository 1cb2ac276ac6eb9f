"""`imagegen-nb models`."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine

from imagegen_nb.cli import plain_table


def test_models_are_listed_and_described(cli: CommandLine) -> None:
    assert "gemini-2.5-flash-image" in cli("models").out
    assert "3840" in cli("models", "gpt-image-2").out
    rows = cli("models", "--json").json()
    assert {row["model"] for row in rows if row["offered"]} == {
        "gpt-image-2",
        "grok-imagine-image-quality",
        "grok-imagine-image",
        "gemini-2.5-flash-image",
    }


def test_no_name_is_cut_in_a_narrow_window(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {row["model"] for row in cli("models", "--json").json()}
    monkeypatch.setattr(plain_table, "is_window", lambda: True)
    for columns in ("80", "60", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = [line.removeprefix("model: ") for line in cli("models").out.splitlines()]
        assert models <= {(line.split() or [""])[0] for line in lines}
