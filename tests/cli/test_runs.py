"""`imagegen-nb runs` and `imagegen-nb store ls`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from support.command_line import CommandLine
from support.images import picture
from support.ledger import entry, made
from support.object_server import ObjectServer

from imagegen_nb import Workspace
from imagegen_nb.cli import plain_table
from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.runs.history import Outcome
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.object_store import ObjectStore


def test_runs_are_listed_and_searched(
    cli: CommandLine, workspace: Workspace, step: ImageGenerationStep
) -> None:
    run = step.run({"room": "a hall"}, workspace=workspace)
    other = ImageGenerationStep(prompt="A chair", model="grok-imagine-image").run(workspace=workspace)
    workspace.close()
    listed = cli("runs")
    assert listed.code == 0, listed.err
    lines = listed.out.splitlines()
    assert "A chair" in lines[3]
    assert all(
        word in lines[4] for word in ("gpt-image-2", "done", "1 of 1", "emulated", "A lamp for a hall")
    )
    used = sum(asset.file_size for each in (run, other) for asset in each.output.assets)
    assert lines[-1] == f"2 images in the store, {byte_size(used)}"
    assert cli("store", "ls", "assets").out == listed.out
    facts = cli("runs", "--json", "--text", "lamp").json()
    assert isinstance(facts, dict)
    (one,) = facts["runs"]
    assert (one["run_id"], one["outcome"], one["returned"], facts["more"]) == (run.id, "done", 1, False)
    assert one["files"] == [asset.file_url for asset in run.output.assets]
    assert one["cost"] == f"{run.cost.amount:f}"
    only = cli("runs", "--model", "grok-imagine-image", "--files", "--since", "2000-01-01").out
    assert only.splitlines()[-1] == other.output.assets[0].file_url
    assert "A lamp" not in only
    assert cli("runs", "--limit", "1").out.endswith("only the newest 1: more with --limit\n")
    assert (
        cli("runs", "--outcome", "failed", "--outcome", "partial").out == "no runs for: failed or partial\n"
    )
    assert cli("runs", "--starred").out == "no runs for: with a star\n"


def test_what_is_no_store_or_no_day_is_told(cli: CommandLine, workspace: Workspace, tmp_path: Path) -> None:
    assert "there is no store in nowhere" in cli("runs", "--store", "nowhere").err
    assert not (tmp_path / "nowhere").exists()
    list(workspace.runs())
    assert cli("runs").out == "no runs yet\n"
    assert cli("store", "check", "aset").err.endswith("was given; there is one in assets\n")
    outcome = cli("runs", "--since", "yesterday")
    assert outcome.code == 2
    assert "since = 'yesterday': give a date" in outcome.err
    assert "'lost': choose from done, partial" in cli("runs", "--outcome", "lost").err
    told = " ".join(cli("runs", "--help").out.split())
    assert f"{', '.join(get_args(Outcome))} (in a batch)" in told


def test_runs_of_a_url_are_listed(cli: CommandLine, object_server: ObjectServer) -> None:
    store = ObjectStore(object_server.new_url())
    asset = made(store, picture())
    listed = cli("store", "ls", store.url, "--files")
    assert "A lamp é 🦊" in listed.out
    assert listed.out.splitlines()[-1] == asset.file_url
    assert "unknown" in listed.out, "what it cost"
    run = entry("a-run", emulated=False, cost_ticks=None)
    store.begin(run, None)
    store.finish(replace(run, state="done", charge="charged", cost_ticks=59_000_000), [])
    assert "$0.0059" in cli("runs", "--store", store.url, "--limit", "1").out


def test_in_a_window_prompts_take_more_lines_and_nothing_else_is_cut(
    cli: CommandLine, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(workspace.store, picture(), prompt="A lamp in the rain " * 20, count=2)
    monkeypatch.setattr(plain_table, "is_window", lambda: True)
    for columns in ("100", "90", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        _, heading, _, row, *more = cli("runs").out.splitlines()
        assert heading.split() == ["started", "(UTC)", "model", "outcome", "images", "cost", "prompt"]
        assert row.split()[:2] == ["2026-11-21", "09:00"]
        assert re.search(r"gpt-\S* +partial +1 of 2 +unknown +A", row)
        said = " ".join(line[heading.index("prompt") :].strip() for line in (row, *more))
        assert said.startswith("A lamp in the rain A lamp")
        assert said.rstrip().endswith("…")
    monkeypatch.setenv("COLUMNS", "60")
    assert (
        "\nstarted (UTC): 2026-11-21 09:00\n  model    gpt-image-2\n  outcome  partial\n" in cli("runs").out
    )


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "[bold]loud[/]", "two\nlines"])
def test_a_prompt_commands_no_terminal(cli: CommandLine, workspace: Workspace, hostile: str) -> None:
    made(workspace.store, picture(), prompt=hostile)
    out = cli("runs").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 6
    assert "[bold]loud[/]" in out or "[bold]" not in hostile
