"""`imagegen-nb paths`."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine


def test_paths_are_predicted_before_a_run(cli: CommandLine, file: str) -> None:
    listed = cli("paths", file, "--identifier", "step_4", "--json").json()
    assert {
        "path": "step_4.output.assets.0.file_url",
        "type": "text",
        "state": "predicted",
        "value": None,
    } in listed
    assert "{{step_4.output.assets.0.id}}" in cli("paths", file, "--identifier", "step_4").out


def test_references_are_whole_also_in_a_narrow_window(
    cli: CommandLine, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = cli("paths", file, "--identifier", "step_4").out.splitlines()
    assert "{{step_4.output.settings.image_output_format}}  text        predicted" in lines
