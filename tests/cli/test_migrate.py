"""`imagegen-nb migrate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import CommandLine

from imagegen_nb import load_step


@pytest.mark.filterwarnings("default")
def test_migrate_writes_todays_layout(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"prompt": "Like {{step_2.output.0.file_url}}"}))
    outcome = cli("migrate", "old.json", "new.json")
    assert outcome.code == 0
    assert load_step(tmp_path / "new.json").step.prompt == "Like {{step_2.output.assets.0.file_url}}"
    assert "warning: step.prompt" in outcome.err
    assert ".py" not in outcome.err


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("document", "ending"),
    [
        ({"prompt": "A lamp"}, ".step.json"),
        (
            {
                "format": "imagegen-nb/workflow",
                "version": 1,
                "inputs": {},
                "steps": [{"identifier": "step_1", "image_generation": {"prompt": "A lamp"}}],
            },
            ".workflow.json",
        ),
    ],
)
def test_a_file_that_gets_its_ending_is_not_replaced_unasked(
    cli: CommandLine, tmp_path: Path, document: dict[str, object], ending: str
) -> None:
    (tmp_path / "old.json").write_text(json.dumps(document))
    there = tmp_path / f"new{ending}"
    there.write_text("something else")
    outcome = cli("migrate", "old.json", "new")
    assert (outcome.code, there.read_text()) == (2, "something else")
    assert f"new{ending} already exists; pass --force" in outcome.err
    forced = cli("migrate", "old.json", "new", "--force")
    assert (forced.code, "(replacing the older file)" in forced.out) == (0, True)
