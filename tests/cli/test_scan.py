"""`imagegen-nb scan`, and the hook that calls it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import yaml
from support.command_line import CommandLine

from imagegen_nb.cli.app import app


def test_scan_names_the_place_of_a_key_and_leaves_with_1(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("harmless")
    outcome = cli("scan", "good.txt")
    assert (outcome.code, outcome.out) == (0, "no key in 1 file\n")
    key = "xai-" + "q8Zr" * 20
    (tmp_path / "bad [1].txt").write_text(f"one\nkey = {key}\n")
    outcome = cli("scan", ".")
    assert (outcome.code, outcome.out) == (1, "bad [1].txt:2: an xAI key\n")
    assert "revoke" in outcome.err
    outcome = cli("scan", ".", "--json")
    finding = {"file": "bad [1].txt", "place": "", "line": 2, "kind": "an xAI key", "how": ""}
    assert outcome.json() == {"files": 2, "findings": [finding], "unread": []}
    assert outcome.code == 1
    assert key[:8] not in outcome.out + outcome.err


def test_scan_finds_a_key_of_the_environment_and_tells_what_it_could_not_read(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAI_API_KEY", "plain-old-password")
    (tmp_path / "a.txt").write_text("plain-old-password")
    assert cli("scan", "a.txt").out == "a.txt:1: a key that is in use here\n"
    (tmp_path / "link").symlink_to("a.txt")
    outcome = cli("scan", "link")
    assert outcome.code == 2
    assert "not searched: link: it is a link" in outcome.err
    outcome = cli("scan", "nowhere")
    assert outcome.code == 2
    assert "nowhere: there is no such file" in outcome.err


def test_the_hook_for_pre_commit_calls_a_command_that_is_there() -> None:
    (hook,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= set(hook)
    program, command = hook["entry"].split()
    assert program == "imagegen-nb"
    assert command in app.list_commands(click.Context(app))
